// The monitors of the machine's other cells, as this one knows them.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cellmon/agree/view.h"
#include "cellmon/mesh/mesh.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// A part of this monitor that has to do with the others, such as its part in global memory. It
/// sees all packets and takes those that are its own.
class SiblingsPart {
 public:
  SiblingsPart() = default;
  SiblingsPart(const SiblingsPart&) = delete;
  SiblingsPart& operator=(const SiblingsPart&) = delete;
  SiblingsPart(SiblingsPart&&) = delete;
  SiblingsPart& operator=(SiblingsPart&&) = delete;
  virtual ~SiblingsPart() = default;

  /// CELL's monitor is there and can be sent packets, perhaps again: by its life (mesh::Hello) it
  /// is the same process as before or a later one. The part takes its own of FILES out of it, from
  /// the front: parts take theirs in the order in which they were added. False when what came is
  /// not acceptable.
  virtual bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) = 0;
  virtual void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) = 0;
  /// CELL's monitor, which had joined, is gone, or cannot be reached. It may come back.
  virtual void on_lost(CellId cell) = 0;
  /// CELL is no member any more: nothing of it may reach this cell, whatever its monitor and its
  /// VMM still do.
  virtual void on_cut_off(CellId /*cell*/) {}
  /// CELL, which was cut off, is a member again.
  virtual void on_admitted(CellId /*cell*/) {}
  /// Whether the part has to do with a witness. It hears of one, and is heard of by one, only then.
  [[nodiscard]] virtual bool knows_witnesses() const { return false; }
  /// Whether CELL, which has joined, has given all that this cell's VMM needs to start.
  [[nodiscard]] virtual bool has_all_of(CellId /*cell*/) const { return true; }
};

/// Owns the mesh and hands what comes over it to the parts. Single-threaded.
class Siblings {
 public:
  enum class State { kAwaited, kJoined, kLost };
  /// WHY is empty when all are there.
  using OnReady = std::function<void(const std::string& why)>;

  /// How long monitors of a machine may take to find each other.
  static constexpr std::chrono::milliseconds kJoinLimit{30'000};

  /// Binds this monitor's name. Throws Error when it is taken.
  Siblings(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own,
           spdlog::logger& log);

  /// PART is told of all that comes from start() on. It outlives this object's use of the loop.
  void add(SiblingsPart& part) { parts_.push_back(&part); }

  /// Begins to look for the others. They get what this cell contributes, CONTRIBUTION bytes, and
  /// copies of FILES (see mesh::Hello).
  /// LIFE is this process's: not agree::kFounder where it was started in place of another one.
  void start(std::uint64_t contribution, std::vector<int> files,
             agree::Life life = agree::kFounder);

  /// Whether all have joined and given what this cell needs, are lost, or are cut off.
  [[nodiscard]] bool are_ready() const { return missing().empty(); }
  /// Calls ON_READY once, from the loop, when are_ready(), or when that does not come in time. One
  /// at a time; a later call, or cancel(), takes an earlier one back.
  void await(OnReady on_ready);
  void cancel() { on_ready_ = nullptr; }

  /// There is a VMM, of INCARNATION of this cell. The others may hear of it from other packets.
  void begin(Incarnation incarnation) { incarnation_ = incarnation; }
  /// Tells all, once, that it runs: what they send to it from now on reaches it.
  void tell_start();
  /// Tells all that it has ended, if there was one.
  void tell_end();

  /// CELL is out of the machine's view, or back in it.
  void cut_off(CellId cell);
  void admit(CellId cell);

  /// As mesh::Mesh::send().
  template <typename Struct>
  bool send(CellId cell, const Struct& packet, std::span<const int> files = {}) {
    return mesh_.send(cell, packet, files);
  }
  /// As mesh::Mesh::try_send().
  template <typename Struct>
  bool try_send(CellId cell, const Struct& packet) {
    return mesh_.try_send(cell, packet);
  }

  /// A fault: see mesh::Mesh::cut().
  void cut_link(CellId cell, std::optional<std::chrono::milliseconds> duration) {
    mesh_.cut(cell, duration);
  }
  /// As mesh::Mesh's.
  [[nodiscard]] bool is_cut(CellId cell) const { return mesh_.is_cut(cell); }
  [[nodiscard]] UniqueFd open_process(CellId cell) const { return mesh_.open_process(cell); }
  void drain(CellId cell) { mesh_.drain(cell); }

  [[nodiscard]] State state(CellId cell) const { return states_[static_cast<std::size_t>(cell)]; }
  /// Whether the monitor of any other cell has joined and is not lost.
  [[nodiscard]] bool has_any() const;
  /// Names of the machine's cells, by their numbers; then the witness's, where it has one.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Names of its cells alone.
  [[nodiscard]] std::vector<std::string> cell_names() const {
    return {names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(cells_)};
  }
  [[nodiscard]] bool is_witness(CellId cell) const {
    return static_cast<std::size_t>(cell) >= cells_;
  }
  [[nodiscard]] unsigned own() const { return own_; }
  /// Whether this monitor was started in place of another one.
  [[nodiscard]] bool is_later() const { return life_ != agree::kFounder; }

 private:
  mesh::Mesh::Handlers mesh_handlers();
  bool take_peer(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd> files);
  template <typename Call>
  void for_each_sibling(Call call);
  void check_ready();
  /// Names of the cells that are awaited; empty when none is.
  [[nodiscard]] std::string missing() const;
  [[nodiscard]] bool is_missing(CellId cell) const;

  /// The parts that have to do with CELL and its monitor.
  [[nodiscard]] bool concerns(const SiblingsPart& part, CellId cell) const {
    return !is_witness(cell) || part.knows_witnesses();
  }

  unsigned own_;
  std::size_t cells_;
  std::vector<std::string> names_;
  std::vector<State> states_;
  std::vector<bool> cut_off_;
  std::vector<SiblingsPart*> parts_;
  mesh::Mesh mesh_;
  OnReady on_ready_;
  boost::asio::steady_timer join_limit_;
  agree::Life life_ = agree::kFounder;
  Incarnation incarnation_ = 0;  ///< Of the VMM that there is; 0: none.
  bool has_told_start_ = false;
};

/// "awaited", "joined" or "lost".
const char* to_string(Siblings::State state);

}  // namespace hive::control
