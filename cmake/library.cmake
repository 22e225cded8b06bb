# One static library a folder. Within a folder the ending of a file's name says what it is:
#   foo.cpp        part of the library
#   foo_test.cpp   linked into the folder's test program   (ctest name: the folder)
#   foo_fuzz.cpp   a fuzz target of its own (flavours asan and fuzz), or a runner of its seed corpus (the others)
#   foo_bench.cpp  linked into the folder's benchmark program
# foo_fuzz.cpp defines LLVMFuzzerTestOneInput; its seeds are the files in foo_fuzz.corpus/, its dictionary foo_fuzz.dict.

# Precompiled headers: one without Asio and one with it.
add_library(pabal_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_precompile_headers(pabal_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.hpp)
target_link_libraries(pabal_pch PRIVATE fmt::fmt Threads::Threads)
add_library(pabal_pch_asio OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_precompile_headers(pabal_pch_asio PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch_asio.hpp)
target_link_libraries(pabal_pch_asio PRIVATE fmt::fmt Threads::Threads Boost::headers)
add_library(pabal_pch_test OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_precompile_headers(pabal_pch_test PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch_test.hpp)
target_link_libraries(pabal_pch_test PRIVATE fmt::fmt Threads::Threads Boost::headers GTest::gtest)

add_custom_target(fuzzers)  # all fuzz targets

# Where a build is made as a whole (the flavours of the suite's sanitizers), several files are compiled at once: what they include
# is most of the work. A flavour in which people work, one file at a time, has it off.
option(PABAL_UNITY "compile several files of a folder in one translation unit" OFF)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# The files of a target, as cmake/units.py puts them together.
function(pabal_unite target)
  if(NOT PABAL_UNITY)
    return()
  endif()
  execute_process(COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/units.py 8 60000 ${ARGN}
                  OUTPUT_VARIABLE units OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # What one file calls its own may hide nothing of its neighbour's; the builds by file look for the rest.
  target_compile_options(${target} PRIVATE -Wno-shadow)
  string(REGEX REPLACE "\n" "|" units "${units}")
  string(REPLACE ";" "," units "${units}")
  string(REPLACE "|" ";" units "${units}")
  set(number 0)
  foreach(unit ${units})
    string(REPLACE "," ";" files "${unit}")
    set_source_files_properties(${files} PROPERTIES UNITY_GROUP ${target}_${number})
    math(EXPR number "${number} + 1")
  endforeach()
endfunction()

# pabal_library(NAME [ASIO] [LINKS library…])
# NAME is the folder's path under src with _ for /; LINKS are the libraries of lower floors and of Debian.
function(pabal_library name)
  cmake_parse_arguments(arg "ASIO" "" "LINKS;TEST_LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")

  if(sources)
    add_library(pabal_${name} STATIC ${sources})
    if(arg_ASIO)
      target_precompile_headers(pabal_${name} REUSE_FROM pabal_pch_asio)
    else()
      target_precompile_headers(pabal_${name} REUSE_FROM pabal_pch)
    endif()
    pabal_unite(pabal_${name} ${sources})
    set(scope PUBLIC)
  else()
    add_library(pabal_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(pabal_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(pabal_${name} ${scope} fmt::fmt Threads::Threads ${arg_LINKS})
  if(arg_ASIO)
    target_link_libraries(pabal_${name} ${scope} Boost::headers)
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_precompile_headers(${name}_test REUSE_FROM pabal_pch_test)
    pabal_unite(${name}_test ${tests})
    # Where tests find the public suites, beside the project.
    target_compile_definitions(${name}_test PRIVATE PABAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name}_test PRIVATE pabal_${name} ${arg_TEST_LINKS} Boost::headers GTest::gtest GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
  foreach(file ${fuzzers})
    get_filename_component(fuzzer ${file} NAME_WE)
    if(PABAL_FLAVOUR MATCHES "^(asan|fuzz)$")
      add_executable(${name}_${fuzzer} ${file})
      target_link_options(${name}_${fuzzer} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${name}_${fuzzer})
      add_test(NAME fuzz_corpus_${name}_${fuzzer}
               COMMAND ${name}_${fuzzer} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/${fuzzer}.corpus)
    else()
      add_executable(${name}_${fuzzer} ${file} ${CMAKE_SOURCE_DIR}/cmake/corpus_runner.cpp)
      add_test(NAME fuzz_corpus_${name}_${fuzzer}
               COMMAND ${name}_${fuzzer} ${CMAKE_CURRENT_SOURCE_DIR}/${fuzzer}.corpus)
    endif()
    target_link_libraries(${name}_${fuzzer} PRIVATE pabal_${name} ${arg_TEST_LINKS})
  endforeach()
  if(benches AND PABAL_FLAVOUR STREQUAL "release")
    add_executable(${name}_bench ${benches})
    target_precompile_headers(${name}_bench REUSE_FROM pabal_pch)
    target_link_libraries(${name}_bench PRIVATE pabal_${name} ${arg_TEST_LINKS} benchmark::benchmark benchmark::benchmark_main)
  endif()
endfunction()
