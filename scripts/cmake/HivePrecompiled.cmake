# The headers that most source files share, compiled once: half the time of a build was theirs.
#
# Tests share theirs in every build, and are not optimised in any: they run for a moment. Rooms and
# programs share theirs in builds with tests; the preset for fuzzing alone does not, so it tells which
# of their files lacks an #include. What shares has line tables for its debug information.
#
# Who includes Asio needs its library, and libhive needs none: so what runs in guests has a kind of its
# own. So has what is optimised for size, as its flags are others.

option(HIVE_PRECOMPILE "Compile the headers that rooms share once" OFF)

# Makes hive_precompiled_KIND, whose headers others reuse, and hive_precompiled_KIND_options, which
# they have to link: a compiler takes a precompiled header only with the flags it was made with. The
# HEADERS need LIBRARIES.
function(hive_precompile kind)
  cmake_parse_arguments(ARG "" "" "HEADERS;LIBRARIES;OPTIONS;LINK" ${ARGN})
  set(options hive_precompiled_${kind}_options)
  add_library(${options} INTERFACE)
  target_link_libraries(${options} INTERFACE ${ARG_LIBRARIES})
  target_compile_definitions(${options} INTERFACE SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
  target_compile_options(${options} INTERFACE -g1 ${ARG_OPTIONS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # ccache cannot tell without it what a precompiled header was made of.
    target_compile_options(${options} INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  endif()
  set(source "${PROJECT_BINARY_DIR}/precompiled_${kind}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "") # It is not written anew each time.
  add_library(hive_precompiled_${kind} STATIC "${source}")
  target_link_libraries(hive_precompiled_${kind} PRIVATE hive_options ${options} ${ARG_LINK})
  target_precompile_headers(hive_precompiled_${kind} PRIVATE ${ARG_HEADERS})
endfunction()

set(plain <algorithm> <array> <chrono> <deque> <filesystem> <functional> <map> <memory> <optional>
          <span> <string> <string_view> <unordered_map> <variant> <vector> <fmt/format.h>
          "${HIVE_LIBRARIES}/json_once.h")
set(shared ${plain} <boost/asio/io_context.hpp> <boost/asio/local/stream_protocol.hpp>
           <boost/asio/posix/stream_descriptor.hpp> <boost/asio/steady_timer.hpp>)
if(HIVE_PRECOMPILE)
  hive_precompile(room HEADERS ${shared} LIBRARIES hive_asio hive_json LINK hive_coverage)
  if(HIVE_SMALL)
    hive_precompile(small HEADERS ${shared} LIBRARIES hive_asio hive_json OPTIONS ${HIVE_SMALL}
                    LINK hive_coverage)
  endif()
  hive_precompile(guest HEADERS ${plain} LIBRARIES hive_json LINK hive_coverage)
endif()
if(HIVE_TESTS)
  find_package(GTest REQUIRED)
  hive_precompile(test HEADERS ${shared} <gmock/gmock.h> <gtest/gtest.h>
                  LIBRARIES hive_asio hive_json OPTIONS -O0 LINK GTest::gmock)
endif()

# hive_precompiled(TARGET KIND)
# Lets TARGET use the headers that sources of KIND (room, small, guest, test) share, where they are compiled once.
function(hive_precompiled target kind)
  if(TARGET hive_precompiled_${kind})
    target_link_libraries(${target} PRIVATE hive_precompiled_${kind}_options)
    target_precompile_headers(${target} REUSE_FROM hive_precompiled_${kind})
  endif()
endfunction()
