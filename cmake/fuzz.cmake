# fkv_fuzz_target(NAME LAYER folder...)
#
# tests/fuzz/fuzz_NAME.c, linked with one layer. With the preset `fuzz` it is a libFuzzer program:
#
#     cmake --preset fuzz && cmake --build --preset fuzz --target fuzz_NAME
#     build/fuzz/fuzz_NAME -max_total_time=60 CORPUS tests/golden/valid
#
# with all others a test that runs it over the files of the folders, and of tests/fuzz/corpus/NAME:
# inputs that once broke it.
option(FKV_FUZZ "Build libFuzzer programs (needs clang)" OFF)

function(fkv_fuzz_target name layer)
  set(target fuzz_${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/${target}.c)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE fkv_harness fkv_options fkv_${layer})
  if(FKV_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/regression.c)
  add_test(NAME ${target}
           COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name} ${ARGN}
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

fkv_fuzz_target(verify ipc tests/golden/valid tests/golden/ipc)
fkv_fuzz_target(cut ipc tests/golden/valid tests/golden/ipc)
fkv_fuzz_target(session wire)
fkv_fuzz_target(messages flight)
fkv_fuzz_target(tickets server)
