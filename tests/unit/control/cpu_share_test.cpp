// A cell's weight, whatever way it takes.
#include "cellmon/control/cpu/cpu_share.h"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What a FakeWay was told, and what it answers.
struct Script {
  std::vector<std::string> calls;
  WeightSet answer;
};

class FakeWay : public CpuWay {
 public:
  FakeWay(std::string name, Script& script) : name_(std::move(name)), script_(script) {}
  [[nodiscard]] std::string name() const override { return name_; }
  WeightSet attach(WeighedVmm vmm, std::uint32_t weight) override {
    script_.calls.push_back("attach " + std::to_string(vmm.pid));
    return set(weight);
  }
  WeightSet set(std::uint32_t weight) override {
    script_.calls.push_back(std::to_string(weight));
    WeightSet answer = script_.answer;
    if (answer.trouble.empty() && !answer.again) answer.applied = weight;
    return answer;
  }
  WeightSet lower(std::uint32_t weight) override {
    script_.calls.emplace_back("lower");
    return set(weight);
  }
  void detach() override { script_.calls.emplace_back("detach"); }

 private:
  std::string name_;
  Script& script_;
};

class CpuShares : public testing::Test {
 protected:
  static std::vector<std::unique_ptr<CpuWay>> both(Script& first, Script& second) {
    std::vector<std::unique_ptr<CpuWay>> ways;
    ways.push_back(std::make_unique<FakeWay>("first", first));
    ways.push_back(std::make_unique<FakeWay>("second", second));
    return ways;
  }
  boost::asio::io_context loop_;
  Script first_;
  Script second_;
  std::vector<std::string> told_;
  CpuShare share_{loop_, 150, both(first_, second_),
                  [this](const std::string& why) { told_.push_back(why); }};
};

TEST_F(CpuShares, BeginWithThePlansWeightByTheFirstWay) {
  share_.attach({7, {}});
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150"));
  EXPECT_THAT(second_.calls, IsEmpty());
  EXPECT_EQ(share_.set(600), "");
  EXPECT_EQ(share_.weight(), 600U);
  EXPECT_EQ(share_.status().way, "first");
  EXPECT_EQ(share_.status().applied, 600U);
  share_.detach();
  EXPECT_EQ(share_.weight(), 150U);
  EXPECT_EQ(share_.status().applied, 0U);
  share_.attach({8, {}});
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150", "600", "detach", "attach 8", "150"));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CpuShares, AreNotLittleWhileOthersWait) {
  share_.attach({7, {}});
  share_.started();
  share_.await();  // It has enough.
  share_.ease();
  loop_.run();
  loop_.restart();
  EXPECT_EQ(share_.set(10), "");
  share_.await();
  EXPECT_EQ(share_.weight(), 10U);
  EXPECT_EQ(share_.status().applied, CpuShare::kLeastAwaited);
  EXPECT_EQ(share_.set(20), "");  // For later.
  EXPECT_EQ(share_.status().applied, CpuShare::kLeastAwaited);
  share_.ease();
  share_.await();  // Again, before it was over.
  loop_.run();
  EXPECT_EQ(share_.status().applied, CpuShare::kLeastAwaited);
  share_.ease();
  loop_.restart();
  loop_.run();
  EXPECT_EQ(share_.status().applied, 20U);
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150", "10", "100", "100", "lower", "20"));
}

TEST_F(CpuShares, AreNotLittleWhileACellIsBuilt) {
  CpuShare share(loop_, 4, both(first_, second_), [](const std::string&) {});
  share.attach({7, {}});
  EXPECT_EQ(share.weight(), 4U);
  EXPECT_EQ(share.status().applied, CpuShare::kLeastAwaited);
  share.await();
  share.ease();
  loop_.run_for(2 * CpuShare::kEase);
  loop_.restart();
  EXPECT_EQ(share.status().applied, CpuShare::kLeastAwaited) << "it is built on";
  share.started();
  share.started();
  EXPECT_EQ(share.status().applied, 4U);
  share.detach();
  share.attach({8, {}});
  share.detach();
  share.started();
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "100", "100", "lower", "100", "lower", "4",
                                        "detach", "attach 8", "100", "detach"));
}

TEST_F(CpuShares, AreNotLittleWhileACellEnds) {
  EXPECT_EQ((share_.attach({7, {}}), share_.started(), share_.set(10)), "");
  share_.await();
  share_.end();
  share_.ease();
  loop_.run();
  EXPECT_EQ(share_.status().applied, CpuShare::kLeastAwaited);
  EXPECT_EQ(share_.weight(), 10U);
  share_.detach();
  share_.attach({8, {}});
  share_.started();
  EXPECT_EQ(share_.set(10), "");
  EXPECT_EQ(share_.status().applied, 10U) << "the next one has not ended";
}

TEST_F(CpuShares, AreLittleInTheEndWhereACellIsNeverBuilt) {
  CpuShare share(loop_, 4, both(first_, second_), [](const std::string&) {});
  share.attach({7, {}});
  const auto start = std::chrono::steady_clock::now();
  loop_.run();
  EXPECT_GE(std::chrono::steady_clock::now() - start, CpuShare::kBuildLimit);
  EXPECT_EQ(share.status().applied, 4U);
}

TEST_F(CpuShares, SayWhyACellThatIsBuiltKeepsMore) {
  CpuShare share(loop_, 4, both(first_, second_),
                 [this](const std::string& why) { told_.push_back(why); });
  share.attach({7, {}});
  first_.answer.trouble = "closed";
  share.started();
  EXPECT_THAT(told_, ElementsAre("closed"));
  EXPECT_EQ(share.status().trouble, "closed");
}

TEST_F(CpuShares, AreUsuallyWhatTheyAreByHandUntilTheVmmsEnd) {
  share_.attach({7, {}});
  EXPECT_EQ(share_.set(300), "") << "advice";
  EXPECT_EQ(share_.usual(), 150U);
  EXPECT_EQ(share_.set_usual(400), "");
  EXPECT_EQ(share_.usual(), 400U);
  EXPECT_EQ(share_.weight(), 400U);
  EXPECT_EQ(share_.set(500), "");
  EXPECT_EQ(share_.set(share_.usual()), "") << "advice is over";
  EXPECT_EQ(share_.weight(), 400U);
  EXPECT_EQ(share_.status().plan, 150U);
  EXPECT_EQ(share_.status().usual, 400U);
  first_.answer.trouble = "closed";
  EXPECT_THAT(share_.set_usual(600), HasSubstr("by first: closed"));
  EXPECT_THAT(share_.set_usual(0), HasSubstr("from 1 to 10000"));
  EXPECT_EQ(share_.usual(), 400U) << "nothing has changed";
  first_.answer.trouble.clear();
  share_.detach();
  EXPECT_EQ(share_.usual(), 150U);
  share_.attach({8, {}});
  EXPECT_EQ(share_.weight(), 150U);
  EXPECT_EQ(share_.status().usual, 150U);
}

TEST_F(CpuShares, TakeTheNextWayWhereOneFails) {
  first_.answer.trouble = "closed";
  share_.attach({7, {}});
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150", "detach"));
  EXPECT_EQ(share_.status().way, "second");
  EXPECT_EQ(share_.status().applied, 150U);
  EXPECT_EQ(share_.status().trouble, "");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CpuShares, SayOnceWhyThereIsNoWay) {
  first_.answer.trouble = "closed";
  second_.answer.trouble = "open";
  share_.attach({7, {}});
  EXPECT_THAT(told_, ElementsAre("first: closed; second: open"));
  EXPECT_EQ(share_.status().trouble, told_.at(0));
  EXPECT_EQ(share_.status().applied, 0U);
  share_.detach();
  share_.attach({8, {}});
  EXPECT_EQ(told_.size(), 1U);
  second_.answer.trouble.clear();
  EXPECT_EQ(share_.set(80), "") << "the last way may be able to";
  EXPECT_EQ(share_.status().trouble, "");
}

TEST_F(CpuShares, KeepTheirWeightWhereOneIsRefused) {
  EXPECT_THAT(share_.set(100), HasSubstr("starts with the plan's weight, 150"));
  share_.attach({7, {}});
  EXPECT_THAT(share_.set(0), HasSubstr("from 1 to 10000"));
  EXPECT_THAT(share_.set(10'001), HasSubstr("10001 is no CPU weight"));
  first_.answer.trouble = "closed";
  EXPECT_THAT(share_.set(100), HasSubstr("by first: closed"));
  EXPECT_EQ(share_.weight(), 150U);
  EXPECT_EQ(share_.status().applied, 150U);
  EXPECT_EQ(share_.status().trouble, "");
}

TEST_F(CpuShares, TryAgainWhereTheKernelIsBusy) {
  share_.attach({7, {}});
  first_.answer.again = true;
  EXPECT_EQ(share_.set(300), "");
  EXPECT_EQ(share_.weight(), 300U);
  EXPECT_EQ(share_.status().applied, 150U);
  first_.answer.again = false;
  loop_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(share_.status().applied, 300U);
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150", "300", "300"));
}

TEST_F(CpuShares, TryNoMoreOnceTheVmmIsGone) {
  first_.answer.again = true;
  share_.attach({7, {}});
  share_.detach();
  loop_.run_for(std::chrono::milliseconds(300));
  EXPECT_THAT(first_.calls, ElementsAre("attach 7", "150", "detach"));
}

TEST(CpuWeight, IsAskedForByAMethod) {
  const TestCell cell("report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  const Json now = client.call("weight", Json::object());
  EXPECT_EQ(now["weight"], 100);
  EXPECT_EQ(now["usual"], 100);
  EXPECT_EQ(now["plan"], 100);
  EXPECT_EQ(now["applied"], 100) << now["trouble"];
  EXPECT_THROW(client.call("weight", {{"weight", 0}}), Error);
  EXPECT_THROW(client.call("weight", {{"weight", 10'001}}), Error);
  EXPECT_THROW(client.call("weight", {{"weight", "100"}}), Error);
  EXPECT_EQ(client.call("weight", {{"weight", 100}}), now) << "which changes nothing";
  const Json list = client.call("events.list", Json::object());
  EXPECT_THAT(list.dump(), testing::Not(HasSubstr("cpu-weight")));
}

}  // namespace
}  // namespace hive::control
