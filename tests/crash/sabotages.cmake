# The torture program must be able to fail: each broken promise is caught within two minutes.
foreach(sabotage ack-before-append watermark-outside-transaction blind-retry no-dedup no-fence
    order-by-arrival)
  torture_test(sabotage.${sabotage} TIMEOUT 300 ARGS
    --database postgresql --minutes 2 --sabotage ${sabotage} --expect-caught)
endforeach()
