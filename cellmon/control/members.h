// A monitor's membership, on its loop: the mesh carries its messages, timers its time, state pages
// its heartbeats.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/siblings.h"
#include "cellmon/member/membership.h"
#include "cellmon/member/state_page.h"
#include "cellmon/wire/view_status.h"

namespace hive::control {

/// Joins a member::Membership with the other monitors. Single-threaded.
class Members : public SiblingsPart, private member::Surroundings {
 public:
  struct Handlers {
    /// The guest must stand still, until resume(): suspended() says when it does. Whether it stands
    /// still already. This handler and those that follow, but `changed`, may be called from within
    /// calls to this object, and may not call it.
    std::function<bool()> suspend;
    std::function<void()> resume;
    /// The cell is no member any more.
    std::function<void()> left;
    /// Something for people.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
    /// What is asked of this object may have another answer than before. From the loop.
    std::function<void()> changed;
  };

  /// Joins SIBLINGS, which have not been started. LIFE is this process's. Throws Error.
  Members(boost::asio::io_context& loop, Siblings& siblings, agree::Life life, Handlers handlers,
          spdlog::logger& log);
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  Members(Members&&) = delete;
  Members& operator=(Members&&) = delete;
  ~Members() override;

  /// What the other monitors are greeted with, after all else: the state page.
  [[nodiscard]] int file() const { return page_.file(); }
  /// Begins to show a heartbeat and to look at those of others.
  void start();

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;

  /// See member::Membership.
  void set_own_evidence(agree::EvidenceSet evidence);
  void suspended();
  void go_down() { membership_.go_down(); }
  void accuse(CellId suspect, agree::EvidenceSet evidence);
  /// Asks to be let in if the cell is out.
  void join();
  [[nodiscard]] bool may_start() const { return membership_.may_start(); }
  [[nodiscard]] bool is_suspending() const { return membership_.is_suspending(); }
  [[nodiscard]] const agree::View& view() const { return membership_.view(); }

  /// The VMM of INCARNATION runs; 0: none does.
  void set_incarnation(Incarnation incarnation) { page_.set_incarnation(incarnation); }

  [[nodiscard]] wire::ViewStatus status() const;

 private:
  // member::Surroundings
  void send(CellId to, const agree::Message& message) override;
  void ask(CellId suspect, std::uint32_t number) override;
  bool suspend() override { return handlers_.suspend(); }
  void resume() override { handlers_.resume(); }
  void left() override { handlers_.left(); }
  void recover(agree::CellSet failed) override;
  void tell(const std::string& kind, const std::string& detail) override;
  void changed() override;

  using Timer = boost::asio::steady_timer;

  [[nodiscard]] static agree::Time now();
  /// Runs TASK from the loop, unless this object is gone by then.
  void later(std::function<void()> task);
  void arm();
  void beat();
  /// Cuts off who is out of the view, and admits who is back.
  void follow_view();
  void watch_process(CellId cell);

  boost::asio::io_context& loop_;
  Siblings& siblings_;
  Handlers handlers_;
  spdlog::logger& log_;
  member::OwnPage page_;
  member::Membership membership_;
  std::map<CellId, std::unique_ptr<member::PeerPage>> pages_;
  std::map<CellId, boost::asio::posix::stream_descriptor> processes_;
  Timer timer_;
  agree::Time armed_ = agree::kNever;
  Timer beat_timer_;
  agree::Time next_beat_ = 0;
  agree::CellSet out_;  ///< Who is cut off.
  bool has_news_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hive::control
