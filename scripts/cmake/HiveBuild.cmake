# The build vocabulary of the project: rooms (one library per folder), programs and tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(hive_options INTERFACE)
target_include_directories(hive_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(hive_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                              -Wno-sign-conversion -ffunction-sections
                                              -fdata-sections)
target_compile_options(hive_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor
                                              -Wold-style-cast -Woverloaded-virtual>)
target_link_options(hive_options INTERFACE -Wl,--gc-sections)
target_link_libraries(hive_options INTERFACE Threads::Threads)
# What others' code is compiled with too.
add_library(hive_sanitizers INTERFACE)
target_link_libraries(hive_options INTERFACE hive_sanitizers)
set(HIVE_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize=")
if(HIVE_SANITIZE)
  target_compile_options(hive_sanitizers INTERFACE -fsanitize=${HIVE_SANITIZE} -fno-omit-frame-pointer
                                                -fno-sanitize-recover=all)
  target_link_options(hive_sanitizers INTERFACE -fsanitize=${HIVE_SANITIZE})
  if(HIVE_SANITIZE MATCHES "thread")
    # ThreadSanitizer does not see fences: what it checks orders by its atomic accesses. Asio's
    # fences stand beside its locks.
    target_compile_definitions(hive_sanitizers INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(hive_sanitizers INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror=tsan>)
    endif()
  endif()
endif()

# libFuzzer sees which branches of rooms an input takes; tests have no use for that, and compile faster
# without it.
option(HIVE_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
add_library(hive_coverage INTERFACE)
if(HIVE_FUZZ)
  target_compile_options(hive_coverage INTERFACE -fsanitize=fuzzer-no-link)
endif()

# spdlog and fmt: their packages' libraries are shared, and programs here are static; as headers they
# would be compiled with every source file. So both are compiled here, from their headers; and so are
# Asio and JSON, which come as headers alone.
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
set(HIVE_LIBRARIES "${CMAKE_CURRENT_LIST_DIR}/libraries")
add_library(hive_fmt STATIC "${HIVE_LIBRARIES}/fmt.cpp")
target_link_libraries(hive_fmt PUBLIC hive_sanitizers)
add_library(hive_spdlog STATIC "${HIVE_LIBRARIES}/spdlog.cpp")
target_compile_definitions(hive_spdlog PUBLIC SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
target_link_libraries(hive_spdlog PUBLIC hive_fmt)
find_package(Boost REQUIRED)
add_library(hive_asio STATIC "${HIVE_LIBRARIES}/asio.cpp")
target_compile_definitions(hive_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(hive_asio PUBLIC Boost::headers hive_sanitizers Threads::Threads)
find_package(nlohmann_json REQUIRED)
add_library(hive_json STATIC "${HIVE_LIBRARIES}/json.cpp")
target_link_libraries(hive_json PUBLIC nlohmann_json::nlohmann_json hive_sanitizers)

# What is not on a hot path is optimised for size: all pages of a static program count as its memory.
set(HIVE_SMALL -Os)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(HIVE_SMALL)
endif()
foreach(library fmt spdlog asio json)
  target_compile_options(hive_${library} PRIVATE ${HIVE_SMALL} -ffunction-sections -fdata-sections)
endforeach()

include(HivePrecompiled)

# Rooms and tests compile three times as fast where a few of their files are one translation unit, in
# which unnamed namespaces are one, too. After a change to one of these files all of them are compiled
# again.
option(HIVE_UNITY "Compile rooms and tests a few files at a time" OFF)

# Has the sources of TARGET compiled like that.
function(hive_unity target)
  if(HIVE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

set(HIVE_KIND room)  # Of the precompiled headers of rooms and programs that follow.

# hive_room(NAME [SEPARATE] [SMALL] [PUBLIC lib...] [PRIVATE lib...])
# Makes library hive_NAME of every source file in the current folder except main.cpp. A folder is
# one room: what it may include follows from what it links. The files of a SEPARATE one are always
# compiled by themselves: tests link others in the place of some, or programs have no use for all. A
# SMALL one has no hot path, and is optimised for size.
function(hive_room name)
  cmake_parse_arguments(ARG "SEPARATE;SMALL" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/*/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(hive_${name} STATIC ${sources})
    target_link_libraries(hive_${name} PUBLIC hive_options ${ARG_PUBLIC}
                          PRIVATE hive_coverage ${ARG_PRIVATE})
    set(kind ${HIVE_KIND})
    if(ARG_SMALL AND HIVE_SMALL)
      set(kind small)
      target_compile_options(hive_${name} PRIVATE ${HIVE_SMALL})
    endif()
    hive_precompiled(hive_${name} ${kind})
    # Rooms of guests hold small programs, with much that is their own.
    if(NOT HIVE_KIND STREQUAL "guest" AND NOT ARG_SEPARATE)
      hive_unity(hive_${name})
    endif()
  else()
    add_library(hive_${name} INTERFACE)
    target_link_libraries(hive_${name} INTERFACE hive_options ${ARG_PUBLIC} ${ARG_PRIVATE})
  endif()
endfunction()

# hive_spare_descriptors(TARGET)
# Has UndefinedBehaviorSanitizer not look at the types of objects in what TARGET has defined so far:
# that takes descriptors, and tests use them up.
function(hive_spare_descriptors target)
  if(HIVE_SANITIZE MATCHES "undefined")
    get_target_property(sources ${target} SOURCES)
    # Options of files come after those of targets.
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS -fno-sanitize=vptr)
  endif()
endfunction()

# hive_program(NAME SOURCE [STATIC] LINK lib...)
# STATIC programs are linked without shared libraries (release builds), so that a cell's process
# keeps no relocated copies of libraries that it hardly uses.
function(hive_program name source)
  cmake_parse_arguments(ARG "STATIC" "" "LINK" ${ARGN})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE hive_options hive_coverage ${ARG_LINK})
  if(source MATCHES "\\.cpp$")
    hive_precompiled(${name} ${HIVE_KIND})
  endif()
  if(ARG_STATIC AND HIVE_STATIC AND NOT HIVE_SANITIZE)
    target_link_options(${name} PRIVATE -static)
  endif()
endfunction()

# All tests that need no KVM, and all libFuzzer targets: what a build for those alone has to make. Unit
# tests are made by nothing else: most builds are for something else, and they take a third of it.
add_custom_target(pure_tests)
add_custom_target(fuzzers)

# hive_test(NAME TIER [SEPARATE] [SHARDS count] [APART file...] LINK lib...)
# Makes test program NAME of every source file in the current folder; TIER (unit, sim, kvm, lab) is
# its ctest label. With SHARDS its cases are so many tests, which can run side by side. The files of a
# SEPARATE one, or those APART, have names in common, and are always compiled by themselves.
function(hive_test name tier)
  cmake_parse_arguments(ARG "SEPARATE" "SHARDS" "APART;LINK" ${ARGN})
  if(NOT HIVE_TESTS)
    return()
  endif()
  find_package(GTest REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE hive_options ${ARG_LINK} GTest::gmock GTest::gtest_main)
  hive_precompiled(${name} test)
  if(NOT ARG_SEPARATE)
    hive_unity(${name})
    set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  if(ARG_SHARDS)
    hive_shards(${name} ${tier} ${ARG_SHARDS})
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS ${tier})
  endif()
  if(tier STREQUAL "unit")
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    add_dependencies(pure_tests ${name})
  endif()
endfunction()

# hive_shards(NAME TIER COUNT)
# Makes tests NAME_1 to NAME_COUNT that share the cases of program NAME. Each has a name of its own for the
# program, by which GoogleTest names its results.
function(hive_shards name tier count)
  foreach(shard RANGE 1 ${count})
    math(EXPR index "${shard} - 1")
    add_custom_command(TARGET ${name} POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
                       ${name} "$<TARGET_FILE_DIR:${name}>/${name}_${shard}")
    add_test(NAME ${name}_${shard} COMMAND "$<TARGET_FILE_DIR:${name}>/${name}_${shard}")
    set_tests_properties(${name}_${shard} PROPERTIES LABELS ${tier}
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${count};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# hive_fuzz(NAME CORPUS LINK lib...)
# Makes libFuzzer target NAME of NAME.cpp; CORPUS is its seed folder below tests/fuzz/corpus.
function(hive_fuzz name corpus)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(NOT HIVE_FUZZ)
    return()
  endif()
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE hive_options hive_coverage ${ARG_LINK})
  hive_precompiled(${name} room)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${name})
endfunction()
