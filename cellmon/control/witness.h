// A monitor without a cell: it watches the others and votes, so that a majority is left when one of
// two cells fails.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/agree/cell_set.h"
#include "cellmon/control/bounded_file.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/members.h"
#include "cellmon/control/replacements.h"
#include "cellmon/control/run_folder.h"
#include "cellmon/control/service.h"
#include "cellmon/control/siblings.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// A witness's process, from its start until the cells' monitors are gone. It has no control
/// socket: `hive status` and `hive events` of any cell show what it takes part in. It ends as the
/// last of the others goes down, and where it has been alone for longer than it takes to bring one
/// back. Single-threaded.
class Witness final : private SiblingsPart {
 public:
  /// Makes its log in the folder of MACHINE, which has a witness, in RUN_DIR. Waits until an
  /// earlier witness is gone. Throws Error; then nothing is left behind.
  Witness(const plan::Machine& machine, const std::string& run_dir, Origin origin);
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  Witness(Witness&&) = delete;
  Witness& operator=(Witness&&) = delete;
  ~Witness() override = default;

  [[nodiscard]] const std::string& log_path() const { return log_file_.path(); }

  /// Serves to its end. SIGTERM and SIGINT end it; monitors that are told so do not start another.
  void run();

 private:
  // SiblingsPart: who is there at all.
  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;

  Members::Handlers members_handlers();
  void await_signal();
  /// Ends after a while, if none of the others is there then.
  void watch_for_company();
  void tell(const std::string& kind, const std::string& detail);

  boost::asio::io_context loop_{1};
  plan::Machine machine_;
  UniqueFd name_;  ///< No other witness of the machine has it.
  RunFolder folder_;
  BoundedFile log_file_;
  std::shared_ptr<spdlog::logger> log_;
  agree::Life life_;
  Siblings siblings_;
  Replacements replacements_;
  std::unique_ptr<Members> members_;
  boost::asio::signal_set signals_;
  Deadline company_;
  agree::CellSet gone_down_;  ///< Cells whose monitors have said that they go down.
  /// What cells have contributed to global memory, and their doorbells: monitors that are started
  /// in place of theirs go on with it.
  std::map<CellId, std::vector<UniqueFd>> files_;
};

}  // namespace hive::control
