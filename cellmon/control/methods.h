// The methods of the control socket: docs/control-protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/control_client.h"
#include "cellmon/control/metrics_memory.h"
#include "cellmon/control/params.h"
#include "cellmon/wire/json_rpc.h"
#include "cellmon/wire/line_buffer.h"

namespace hive::control {

/// How many bytes of a list fit in a reply. Leaves room for the rest of the line.
inline constexpr std::size_t kMaxListBytes = wire::kMaxLine - 4096;

/// Carries out requests on a cell. Some are answered only when the cell's state has followed.
class Methods {
 public:
  /// What is to be known of the clients.
  struct Clients {
    /// The client of a number, or null when it is gone.
    std::function<ControlClient*(std::uint64_t)> find;
    /// Whether one more may follow events or consoles or run commands.
    std::function<bool()> has_room_to_follow;
  };

  Methods(CellMonitor& monitor, Clients clients)
      : monitor_(monitor), clients_(std::move(clients)) {}

  void handle(ControlClient& client, const wire::RpcRequest& request);
  /// All that handle() knows.
  static std::vector<std::string> names();

  /// Answers what waited for the cell's state; call when that may have changed.
  void on_change();
  /// Answers the requests to go down.
  void on_finished(const wire::Json& result);
  /// Whether client number CLIENT waits for an answer that depends on the cell.
  [[nodiscard]] bool is_awaited(std::uint64_t client) const;
  /// Whether a request to go down asked to remove the cell's files in any case.
  [[nodiscard]] bool purge() const { return purge_; }

 private:
  /// A request under way.
  struct Call {
    ControlClient& client;
    const wire::RpcRequest& request;
    Params params;
  };
  using Method = void (Methods::*)(Call&);
  using Entry = std::pair<std::string_view, Method>;
  /// What a waiting request is answered with.
  struct Answer {
    wire::Json result;
    std::string error;                            ///< When not empty, instead of the result.
    wire::RpcCode code = wire::RpcCode::kFailed;  ///< Of the error.
  };
  struct Waiter {
    std::uint64_t client = 0;
    wire::Json id;
    bool silent = false;  ///< The request was a notification.
    std::function<std::optional<Answer>()> check;
  };

  void status(Call& call);
  void list_events(Call& call);
  void follow_events(Call& call);
  void attach_console(Call& call);
  void write_console(Call& call);
  void detach_console(Call& call);
  void exec(Call& call);
  void write_exec(Call& call);
  void signal_exec(Call& call);
  void down(Call& call);
  void reboot(Call& call);
  void pause(Call& call);
  void resume(Call& call);
  void memory(Call& call);
  void move_section(Call& call);
  void list_rights(Call& call);
  void grant(Call& call);
  void revoke(Call& call);
  void metrics(Call& call);
  void rpc(Call& call);
  void set_path_faults(Call& call);
  void inject(Call& call);
  void list_faults(Call& call);
  void cancel_faults(Call& call);
  void balloon(Call& call);
  void plug(Call& call);
  void weight(Call& call);

  static std::span<const Entry> table();
  static Method find_method(const std::string& name);
  /// Whether the parameters are sound; answers the request if not.
  static bool check(Call& call);
  static void reply(Call& call, const wire::Json& result);
  static void refuse(Call& call, const std::string& why);
  static void answer(ControlClient& client, const Waiter& waiter, const Answer& answer);
  /// Whether the client may follow the cell; answers the request if not.
  bool check_follower(Call& call);
  std::optional<ConsoleId> console_param(Call& call);
  /// Answers when CHECK has an answer, now or later.
  void wait(Call& call, std::function<std::optional<Answer>()> check);
  std::optional<Answer> check_restarted(Incarnation old) const;
  std::optional<Answer> check_state(bool paused) const;
  /// The monitor's part in global memory where its cell contributes any; else null, and the request
  /// is answered.
  GlobalMemory* home_of(Call& call);
  /// The number of the cell called NAME; answers the request if there is none.
  static std::optional<CellId> find_cell(Call& call, const GlobalMemory& global,
                                         const std::string& name);
  /// The section called NAME; answers the request if there is none.
  static std::optional<firewall::Section> find_section(Call& call, const GlobalMemory& global,
                                                       const std::string& name);
  /// Does OPERATION, a grant or a revoke.
  void change_rights(Call& call, hive_global_operation operation);

  CellMonitor& monitor_;
  Clients clients_;
  std::vector<Waiter> waiters_;
  std::vector<Waiter> down_waiters_;
  bool purge_ = false;
  MetricsMemory metrics_memory_;
};

/// Sends BYTES of a console as notifications short enough for a line.
void notify_console(ControlClient& client, ConsoleId console, std::string_view bytes);

}  // namespace hive::control
