// The device of guests/abi/global_memory.h, played by a thread over ordinary files.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cellmon/firewall/gatekeeper.h"
#include "cellmon/firewall/request_desk.h"
#include "guests/abi/global_memory.h"
#include "guests/sdk/device.h"

namespace hive::testing {

/// A guest's sysfs and /dev/mem in a temporary folder, and monitors that answer as real ones do,
/// with real ledgers. Every cell's contribution is readable and writable: there is no firewall.
class FakeGlobalDevice {
 public:
  static constexpr std::uint64_t kPages = 64;  ///< That each cell but the last contributes,
                                               ///< unless other ones are asked for.
  static constexpr std::uint64_t kWindowStart = 1 << 20;
  static constexpr const char* kFunction = "0000:00:05.0";

  /// Of CELLS cells named alpha, beta, gamma, ... the last of which contributes nothing; the guest
  /// is cell CELL.
  explicit FakeGlobalDevice(unsigned cells = 3, unsigned cell = 0, std::uint64_t pages = kPages);
  ~FakeGlobalDevice();
  FakeGlobalDevice(const FakeGlobalDevice&) = delete;
  FakeGlobalDevice& operator=(const FakeGlobalDevice&) = delete;

  [[nodiscard]] sdk::DevicePaths paths() const;
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string function_folder() const;
  /// As the guest sees them; may be written, to be wrong.
  [[nodiscard]] hive_global_registers& registers() { return *registers_; }
  /// Where HOME's contribution lies, in this process.
  [[nodiscard]] unsigned char* memory(unsigned home);

  /// Another cell makes a section of its own. How that has ended: HIVE_GLOBAL_*.
  std::uint32_t create_as(unsigned cell, const char* name, std::uint64_t pages);
  /// CELL writes PAGE of HOME, which counts as written while it may. Whether it may.
  bool write_as(unsigned cell, unsigned home, std::uint64_t page);
  /// HOME's monitor does not answer any more.
  void lose(unsigned home);
  /// Requests are taken, and not answered until that is over.
  void set_mute(bool mute) { mute_ = mute; }
  /// Takes requests that only homes may make as the home's own.
  void set_trusting(bool trusting) { trusting_ = trusting; }
  /// HOME makes sections of PAGES pages in all for other cells.
  void set_hosting(unsigned home, std::uint64_t pages);
  /// Section NUMBER of HOME, which may be moved, goes to TO, without its content.
  void move(unsigned home, std::uint32_t number, unsigned to);
  /// The same, step by step: HOME has frozen it, and TO keeps a place;
  void begin_move(unsigned home, std::uint32_t number, unsigned to);
  /// HOME has switched;
  void switch_move();
  /// and TO lets cells see it.
  void end_move();
  /// Instead: HOME keeps it if it has not switched;
  void keep_section();
  /// and TO has no place for it any more.
  void drop_place();
  /// How often the guest has said that it used section NUMBER of HOME.
  [[nodiscard]] std::uint64_t uses(unsigned home, std::uint32_t number);
  /// Changes each reply before the guest sees it.
  void set_alter(std::function<void(hive_global_reply&)> alter);

 private:
  void make_files();
  void fill_registers(unsigned cells, unsigned cell);
  void serve();
  hive_global_reply answer(unsigned cell, hive_global_request request);
  hive_global_reply answer_written(const hive_global_request& request, hive_global_reply reply);

  /// One cell's monitor.
  struct Monitor {
    firewall::Gatekeeper gatekeeper;
    firewall::RequestDesk desk;
    std::set<std::pair<unsigned, std::uint64_t>> writes;  ///< Cell and page.

    Monitor(unsigned home, unsigned cells, std::uint64_t pages);
  };

  /// A section on its way.
  struct Move {
    firewall::Gatekeeper& from;
    firewall::Gatekeeper& to;
    CellId target{};
    firewall::FrozenSection leaving;
    firewall::Section coming;
  };

  std::string folder_;
  std::vector<std::unique_ptr<Monitor>> monitors_;
  std::optional<Move> move_;
  unsigned cell_;
  std::uint64_t pages_;
  std::mutex mutex_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> uses_;  ///< Home, section.
  std::set<unsigned> lost_;
  std::function<void(hive_global_reply&)> alter_;
  std::atomic<bool> mute_{false};
  std::atomic<bool> trusting_{false};
  std::atomic<bool> over_{false};
  hive_global_registers* registers_ = nullptr;
  unsigned char* window_ = nullptr;
  std::thread thread_;
};

/// The name of cell NUMBER in made-up machines.
std::string made_up_cell_name(unsigned number);

}  // namespace hive::testing
