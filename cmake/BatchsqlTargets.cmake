# What every target of the project has in common.

# batchsql_options: warnings, sanitizers, coverage and the include root; linked by every target of ours.
add_library(batchsql_options INTERFACE)
target_include_directories(batchsql_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(batchsql_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
if(BATCHSQL_SANITIZE)
  target_compile_options(batchsql_options INTERFACE
    -fsanitize=${BATCHSQL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(batchsql_options INTERFACE -fsanitize=${BATCHSQL_SANITIZE})
endif()
if(BATCHSQL_COVERAGE)
  # Atomic: counts that threads lose would make lines that ran look as if they had not.
  target_compile_options(batchsql_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(batchsql_options INTERFACE --coverage)
endif()
if(BATCHSQL_TEST_FAULTS)
  target_compile_definitions(batchsql_options INTERFACE BATCHSQL_TEST_FAULTS)
endif()

# batchsql_library(NAME SOURCES… [PUBLIC lib…] [PRIVATE lib…]): one static library per folder.
function(batchsql_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC batchsql_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# batchsql_executable(NAME SOURCES… [LIBRARIES lib…])
function(batchsql_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE batchsql_options ${ARG_LIBRARIES})
endfunction()
