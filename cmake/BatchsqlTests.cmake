# How tests that are not plain executables are registered with ctest.

# Made by `./dev setup` over Debian's Python, the only one that sees Debian's grpc module. A test
# whose Python is missing fails; it is not left out.
set(BATCHSQL_PYTHON "${PROJECT_SOURCE_DIR}/build/venv/bin/python3")
# Read by programs of the tsan preset only.
# A process that ends at once, as a client of gRPC does and a daemon whose database hangs, joins no thread;
# a std::thread that is forgotten elsewhere ends the process.
set(BATCHSQL_TSAN_OPTIONS
  "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp:halt_on_error=1:report_thread_leaks=0")
set(BATCHSQL_TEST_ENVIRONMENT
  "BATCHSQL_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" "PYTHONDONTWRITEBYTECODE=1" "LC_ALL=C.UTF-8"
  "${BATCHSQL_TSAN_OPTIONS}")

# batchsql_unit_tests(executable PREFIX): each Catch2 test case is a test of its own, PREFIX.sentence.
function(batchsql_unit_tests executable prefix)
  catch_discover_tests(${executable} TEST_PREFIX "${prefix}."
    PROPERTIES TIMEOUT 120 ENVIRONMENT "${BATCHSQL_TSAN_OPTIONS}")
endfunction()

# batchsql_server_test(NAME SERVERS postgres|mariadb… COMMAND executable args…): runs the command while
# the servers live; it finds them by BATCHSQL_TEST_POSTGRES_DSN and BATCHSQL_TEST_MYSQL_DSN.
function(batchsql_server_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SERVERS;COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND "${BATCHSQL_PYTHON}"
    "${PROJECT_SOURCE_DIR}/tests/support/servers.py" run ${ARG_SERVERS} -- ${ARG_COMMAND})
  batchsql_test_properties(${name} "${ARG_TIMEOUT}")
endfunction()

# batchsql_python_test(NAME PATHS file-or-folder…): pytest; the tests start their own servers.
function(batchsql_python_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "PATHS" ${ARGN})
  list(TRANSFORM ARG_PATHS PREPEND "${PROJECT_SOURCE_DIR}/")
  add_test(NAME ${name} COMMAND "${BATCHSQL_PYTHON}" -m pytest -q ${ARG_PATHS})
  batchsql_test_properties(${name} "${ARG_TIMEOUT}")
endfunction()

# Every test has a time limit: TIMEOUT in seconds, 300 when not given; longer where the sanitizer, or
# counting lines in many threads, slows everything down.
function(batchsql_test_properties name timeout)
  if(NOT timeout)
    set(timeout 300)
  endif()
  if(BATCHSQL_SANITIZE STREQUAL "thread" OR BATCHSQL_COVERAGE)
    math(EXPR timeout "${timeout} * 4")
  endif()
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${timeout} ENVIRONMENT "${BATCHSQL_TEST_ENVIRONMENT}")
endfunction()
