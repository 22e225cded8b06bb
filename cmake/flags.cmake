# Compiler and linker flags of each flavour, and the precompiled headers that all folders share.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(THREADS_PREFER_PTHREAD_FLAG ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Werror -fcolor-diagnostics)
# ccache can only share what was built with a precompiled header whose time stamp does not matter.
add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
add_compile_options(-fno-omit-frame-pointer -ftrivial-auto-var-init=zero)
# The same for libraries and programs, since they share precompiled headers.
add_compile_options(-fPIE)
add_link_options(-fuse-ld=lld -pie)

if(PABAL_FLAVOUR STREQUAL "release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  add_compile_options(-fstack-protector-strong -fcf-protection=full)
  add_compile_definitions(_FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  # Tests that mostly wait need to be compiled fast, not to run fast (fortified sources need an optimiser).
  set(PABAL_TEST_OPTIONS -O0 -U_FORTIFY_SOURCE)
else()
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  if(PABAL_FLAVOUR STREQUAL "fuzz")
    set(CMAKE_CXX_FLAGS_DEBUG "-O2 -g1")
  elseif(PABAL_FLAVOUR STREQUAL "asan")
    # With sanitizers the optimiser takes three fifths of a build. The tests of most folders lose less than that without it; those
    # that only compute (parsers, the folders without Asio) lose more.
    set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
    set(PABAL_COMPUTING_OPTIONS -O1)
  endif()
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(PABAL_FLAVOUR STREQUAL "tsan")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
  else()
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
    # The fuzz targets are built with the asan flavour too, so that a test run needs no third build.
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
endif()
add_compile_definitions(SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
