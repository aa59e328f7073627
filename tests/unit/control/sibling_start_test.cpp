// What a cell's monitor tells its siblings' of the lives of its VMMs.
#include <gmock/gmock.h>
#include <spdlog/sinks/null_sink.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "cellmon/mesh/mesh.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::ElementsAre;

/// What the monitor of a cell whose VMM does as SCRIPT says tells of it, up to its end.
std::vector<std::string> hear_of(const std::string& script) {
  const TestCell cell(script, false, HIVE_FAKE_VMM, true);
  boost::asio::io_context loop{1};
  spdlog::logger log("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  std::vector<std::string> heard;
  bool ended = false;
  mesh::Mesh::Handlers handlers;
  handlers.on_joined = [](CellId, const mesh::Hello&, const std::vector<UniqueFd>&) {
    return true;
  };
  handlers.on_packet = [&](CellId, const mesh::Packet& packet, const std::vector<UniqueFd>&) {
    if (const auto* up = std::get_if<mesh::Up>(&packet)) {
      heard.push_back("up " + std::to_string(up->incarnation));
    } else if (const auto* leave = std::get_if<mesh::Leave>(&packet)) {
      heard.push_back("leave " + std::to_string(leave->incarnation));
      ended = true;
    }
  };
  handlers.on_lost = [&](CellId) { ended = true; };
  mesh::Mesh mesh(loop, {cell.address().machine, {"alpha", "beta"}, 1}, std::move(handlers), log);
  mesh::Hello hello;
  hello.cell = 1;
  hello.cells = 2;
  mesh.start(hello, {});
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!ended && std::chrono::steady_clock::now() < end) {
    loop.run_for(std::chrono::milliseconds(1));
    loop.restart();
  }
  return heard;
}

TEST(SiblingStart, IsToldOfOnceTheVmmRuns) {
  EXPECT_THAT(hear_of("report started; exit 3"), ElementsAre("up 1", "leave 1"));
}

TEST(SiblingStart, IsNotToldOfAVmmThatNeverRan) {
  EXPECT_THAT(hear_of("exit 3"), ElementsAre("leave 1"));
}

}  // namespace
}  // namespace hive::control
