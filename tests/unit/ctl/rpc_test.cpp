// hivectl rpc, as shell scripts on two cells see it; a Unix socket is in vsock's place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "guests/ctl/commands.h"

namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string>& arguments, const std::string& input = {}) {
  std::vector<const char*> words{"hivectl", "rpc"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  hive::ctl::Session session(in, out, err, {});
  const int status = hive::ctl::run(static_cast<int>(words.size()), words.data(), session);
  return {status, out.str(), err.str()};
}

/// `rpc serve` in a thread, until it goes.
class Service {
 public:
  explicit Service(std::vector<std::string> arguments) {
    char name[] = "/tmp/hivectl-rpc-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    arguments.insert(arguments.begin(), {"serve", "test", "--socket", socket()});
    thread_ = std::thread([this, arguments] { outcome_ = run(arguments); });
    for (int i = 0; i < 6000 && run({"ping", "test", "--socket", socket()}).status != 0; ++i) {
      std::this_thread::sleep_for(10ms);
    }
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    ::pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
    EXPECT_EQ(outcome_.status, 0) << outcome_.err;
    std::filesystem::remove_all(folder_);
  }

  Outcome call(std::vector<std::string> options, const std::string& input = {}) const {
    options.insert(options.begin(), {"call", "test", "--socket", socket()});
    return run(options, input);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/socket"; }

 private:
  std::string folder_;
  Outcome outcome_{};
  std::thread thread_;
};

TEST(HivectlRpc, CommandsAnswerCalls) {
  const Service service({"--", "tr", "a-z", "A-Z"});
  EXPECT_EQ(service.call({}, "hello\n").out, "HELLO\n");
  EXPECT_EQ(service.call({}).out, "");
  const std::string large(1U << 20, 'x');
  EXPECT_TRUE(service.call({}, large).out == std::string(1U << 20, 'X'));
  const Outcome too_long = service.call({}, large + "x");
  EXPECT_EQ(too_long.status, 1);
  EXPECT_THAT(too_long.err, HasSubstr("1 MiB"));
}

TEST(HivectlRpc, CommandsFailAndAreEnded) {
  const std::string script =
      "case $HIVE_RPC_METHOD in 2) exit 3;; 3) sleep 1000;; 4) yes;; *) echo m$HIVE_RPC_METHOD; "
      "esac";
  const Service service({"--workers", "1", "--", "sh", "-c", script});
  EXPECT_EQ(service.call({"--method", "9"}).out, "m9\n");
  EXPECT_THAT(service.call({"--method", "2"}).err, HasSubstr("code 3"));
  const Outcome late = service.call({"--method", "3", "--timeout", "0.1"});
  EXPECT_EQ(late.status, 1);
  EXPECT_THAT(late.err, HasSubstr("deadline"));
  // The only worker is free again.
  EXPECT_THAT(service.call({"--method", "4"}).err, HasSubstr("longer than 1 MiB"));
  EXPECT_EQ(service.call({"--method", "5"}).out, "m5\n");
}

TEST(HivectlRpc, CommandsThatAreNotThereAreErrors) {
  const Service service({"--", "/no/such/command"});
  EXPECT_THAT(service.call({}).err, HasSubstr("code 127"));
}

TEST(HivectlRpc, TimesCalls) {
  const Service service({"--echo", "--workers", "0"});
  for (const char* window : {"1", "8"}) {
    const Outcome outcome = run({"bench", "test", "--socket", service.socket(), "--calls", "50",
                                 "--sizes", "0,4096", "--window", window});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const json figures = json::parse(outcome.out);
    ASSERT_EQ(figures["sizes"].size(), 2U);
    for (const json& size : figures["sizes"]) {
      EXPECT_EQ(size["calls"], 50);
      EXPECT_GT(size["min"], 0);
      EXPECT_LE(size["min"], size["median"]);
      EXPECT_LE(size["median"], size["p99"]);
      EXPECT_LE(size["p99"], size["max"]);
    }
  }
}

TEST(HivectlRpc, TellsWhatIsWrong) {
  EXPECT_EQ(run({"port", "echo"}).out, "1419629700\n");
  EXPECT_EQ(run({"port", "a b"}).status, 2);
  EXPECT_EQ(run({"call", "echo"}).status, 2);
  EXPECT_EQ(run({"call", "x:a b", "--socket", "/none"}).status, 2);
  EXPECT_EQ(run({"serve", "test"}).status, 2);
  EXPECT_EQ(run({"serve", "test", "--echo", "--", "cat"}).status, 2);
  const Outcome outcome = run({"ping", "test", "--socket", "/none"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nobody listens on /none"));
}

}  // namespace
