// A monitor's part in moving sections between homes: docs/placement.md.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/agree/view.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/global_memory.h"
#include "cellmon/control/section_copy.h"
#include "cellmon/control/siblings.h"
#include "cellmon/placement/arrivals.h"
#include "cellmon/placement/departure.h"
#include "cellmon/sharing/refusal.h"

namespace hive::control {

/// Moves its home's sections to others, and takes theirs. Single-threaded.
class Mover : public SiblingsPart,
              private placement::DeparturePort,
              private placement::ArrivalPort {
 public:
  struct Handlers {
    /// Of the present view.
    std::function<std::uint64_t()> epoch;
    /// As GlobalMemory::admitted().
    std::function<Incarnation(CellId cell)> incarnation;
    /// Something for people.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
  };
  struct Counts {
    std::uint64_t moved = 0;      ///< Sections that have left,
    std::uint64_t not_moved = 0;  ///< that were to,
    std::uint64_t came = 0;       ///< and that have come.
  };

  /// LIFE is this process's. Joins SIBLINGS, which have not been started, after GLOBAL, whose
  /// hooks for endings it takes. Both outlive this object.
  Mover(boost::asio::io_context& loop, Siblings& siblings, GlobalMemory& global, agree::Life life,
        Handlers handlers, spdlog::logger& log);

  /// Begins to move section NUMBER of this home to TO; the end is told. Or why not.
  std::optional<sharing::Refusal> move(std::uint32_t number, CellId to);
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// How many moves from here have ended, and how the last one has.
  [[nodiscard]] std::uint64_t ends() const { return counts_.moved + counts_.not_moved; }
  [[nodiscard]] const placement::MoveEnd& last_end() const { return last_end_; }

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId /*cell*/) override {}
  void on_cut_off(CellId cell) override;
  void on_admitted(CellId cell) override { out_.erase(cell); }

 private:
  // Both ports.
  [[nodiscard]] std::uint64_t epoch() const override { return handlers_.epoch(); }
  [[nodiscard]] Incarnation incarnation(CellId cell) const override {
    return handlers_.incarnation(cell);
  }
  // placement::DeparturePort
  void send(CellId to, const mesh::MoveWord& word, const firewall::SectionRights* rights) override;
  firewall::Result<firewall::FrozenSection> freeze(firewall::SectionId section) override;
  void thaw(firewall::SectionId section) override;
  void forward(firewall::SectionId section, CellId home, firewall::SectionId to,
               const firewall::PageRange& place) override;
  void ended(const placement::MoveEnd& end) override;
  // placement::ArrivalPort
  void send(CellId to, const mesh::MoveWord& word) override;
  [[nodiscard]] bool has_guest() const override;
  firewall::Result<firewall::Section> reserve(const mesh::MoveWord& offer) override;
  void copy(CellId from, const firewall::PageRange& theirs,
            const firewall::PageRange& ours) override;
  void stop_copying(CellId from) override { copies_.erase(from); }
  bool admit(CellId from, firewall::SectionId section, const firewall::SectionRights& rights,
             const firewall::SectionRights& lost) override;
  void release(firewall::SectionId section) override;

  [[nodiscard]] std::optional<sharing::Refusal> check(
      const std::optional<firewall::Section>& section, std::uint32_t number, CellId to) const;
  /// The rights that came with WORD, where they are awaited and make sense.
  [[nodiscard]] std::optional<firewall::SectionRights> rights_of(
      CellId from, const mesh::MoveWord& word, const std::vector<UniqueFd>& files) const;
  /// Whether HOLDERS are other cells of this machine.
  [[nodiscard]] bool holders_are_cells(firewall::WriterSet holders) const;
  void take_word(CellId from, const mesh::MoveWord& word, const std::vector<UniqueFd>& files);
  void gone(CellId cell);
  /// There may be another view.
  void know_view();
  /// Looks after what is under way, as long as something is.
  void watch();
  [[nodiscard]] const std::string& name_of(CellId cell) const;

  boost::asio::io_context& loop_;
  Siblings& siblings_;
  GlobalMemory& global_;
  Handlers handlers_;
  spdlog::logger& log_;
  placement::Departure departure_;
  placement::Arrivals arrivals_{*this};
  std::map<CellId, std::unique_ptr<SectionCopy>> copies_;  ///< By source.
  std::map<CellId, std::uint64_t> lives_;                  ///< Of the monitors at the links.
  firewall::WriterSet out_;                                ///< Cells that are cut off.
  std::uint64_t known_epoch_ = 0;
  Counts counts_;
  placement::MoveEnd last_end_;
  Deadline look_;
};

}  // namespace hive::control
