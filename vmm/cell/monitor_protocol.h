// The messages between a VMM and its monitor: one JSON object per packet of a SOCK_SEQPACKET
// socket, at most kMaxMessage bytes. The VMM is not trusted after start: its monitor parses each
// message as hostile input.
//
// The monitor starts `hive-vmm --monitor FD` and sends a CellConfig as the first packet. From then
// on the VMM sends reports and the monitor sends commands. The VMM exits when the socket closes.
//
// Where the configuration says `crash_dump`, a VMM stops its guest when that fails (leaves_core()),
// and waits after that report: for kDump or kQuit. It stops a guest that runs, too, when it gets
// kDump: the monitor found that the guest hangs. Once the vCPUs are out and devices are quiet it
// reports kPaused. It answers kDump with kDumped or kNotDumped, and exits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hive::cell {

inline constexpr std::size_t kMaxMessage = 64 * 1024;

/// What a VMM tells its monitor. kStarted comes at most once; of the kinds from kOff on exactly one
/// comes, last but for what a crash dump brings, and the VMM exits after it.
enum class ReportKind {
  kStarted,       ///< The vCPUs run.
  kPaused,        ///< All vCPUs are out of the guest and devices are quiet.
  kResumed,       ///< The vCPUs run again.
  kNotPaused,     ///< The guest could not be paused in time and runs on; `detail` says why.
  kDeviceBroken,  ///< A device found its queue malformed and wants a reset; `detail` names it.
  kViolation,     ///< The guest wrote where the firewall lets it not; `detail` says where.
  kDumped,        ///< The core file is written.
  kNotDumped,     ///< It is not; `detail` says why.
  kFaultDone,     ///< The guest has the fault; `detail` says what was done.
  kFaultNotDone,  ///< It has not, and nothing was changed; `detail` says why.
  kPanicked,      ///< The guest's kernel reported a panic (pvpanic). The guest may still run.
  kOff,           ///< The guest powered itself off.
  kReset,         ///< The guest asked for a reboot.
  kTripleFault,   ///< A vCPU shut down.
  kFailed,        ///< KVM or the VMM failed while the guest ran; `detail` says how.
  kNotStarted,    ///< The cell could not be started; `detail` is the error for the user.
};

/// Whether the VMM exits after a report of this kind.
constexpr bool ends_vmm(ReportKind kind) { return kind >= ReportKind::kOff; }

/// Whether a guest that ended so has memory worth keeping: it panicked, or could not go on.
constexpr bool leaves_core(ReportKind kind) {
  return kind == ReportKind::kPanicked || kind == ReportKind::kTripleFault ||
         kind == ReportKind::kFailed;
}

struct Report {
  ReportKind kind{};
  std::string detail;
};

/// What a monitor asks of its VMM.
enum class Command {
  kPause,        ///< Answered by kPaused or kNotPaused.
  kResume,       ///< Answered by kResumed.
  kPowerButton,  ///< Presses the ACPI power button.
  kLook,         ///< Looks at each vCPU: the answer is in vmm/cell/progress.h, soon.
  kQuit,         ///< Ends the VMM at once.
  kDump,         ///< Comes with a descriptor: writes a core file there, as above.
  kFault,        ///< Comes with more (vmm/cell/guest_fault.h): answered by kFaultDone or
                 ///< kFaultNotDone, one fault after the other.
  kBalloon,      ///< Comes with more (parse_balloon()): how much memory the guest is to give
                 ///< back. What it has given is in vmm/cell/progress.h.
  kSpare,        ///< Comes with more (parse_spare()): how much spare memory the guest is to plug
                 ///< in. What it has is in vmm/cell/progress.h.
};

/// {"report": "off", "detail": "..."}; nothing when TEXT is not a well-formed report.
std::optional<Report> parse_report(std::string_view text);
std::string to_json(const Report& report);

/// {"command": "pause"}; nothing when TEXT is not a well-formed command. Of a kFault, a kBalloon
/// and a kSpare this is not all: see parse_guest_fault(), parse_balloon() and parse_spare().
std::optional<Command> parse_command(std::string_view text);
std::string to_json(Command command);

/// Of a kBalloon, {"command": "balloon", "pages": 256}: how many pages of 4 KiB the guest is to
/// have in its balloon. Nothing when that is not in TEXT.
std::optional<std::uint32_t> parse_balloon(std::string_view text);
std::string balloon_to_json(std::uint32_t pages);

/// Of a kSpare, {"command": "spare", "bytes": 2097152}. Nothing when that is not in TEXT.
std::optional<std::uint64_t> parse_spare(std::string_view text);
std::string spare_to_json(std::uint64_t bytes);

}  // namespace hive::cell
