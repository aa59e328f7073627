#include "cellmon/control/methods.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <utility>

#include "cellmon/wire/base64.h"

namespace hive::control {
namespace {

using wire::Json;
using wire::RpcCode;

constexpr std::uint64_t kMaxSession = 0xffff'ffff;
constexpr std::uint64_t kMaxGraceMs = 24ULL * 3600 * 1000;
constexpr std::uint64_t kDefaultGraceMs = 10'000;

std::string_view to_string(ConsoleId id) { return id == ConsoleId::kSerial ? "serial" : "virtio"; }

}  // namespace

std::span<const Methods::Entry> Methods::table() {
  static constexpr std::array<Entry, 27> kMethods{{
      {"status", &Methods::status},
      {"events.list", &Methods::list_events},
      {"events.follow", &Methods::follow_events},
      {"console.attach", &Methods::attach_console},
      {"console.input", &Methods::write_console},
      {"console.detach", &Methods::detach_console},
      {"exec", &Methods::exec},
      {"exec.stdin", &Methods::write_exec},
      {"exec.signal", &Methods::signal_exec},
      {"down", &Methods::down},
      {"reboot", &Methods::reboot},
      {"pause", &Methods::pause},
      {"resume", &Methods::resume},
      {"balloon", &Methods::balloon},
      {"plug", &Methods::plug},
      {"weight", &Methods::weight},
      {"memory", &Methods::memory},
      {"section.move", &Methods::move_section},
      {"firewall.list", &Methods::list_rights},
      {"firewall.grant", &Methods::grant},
      {"firewall.revoke", &Methods::revoke},
      {"metrics", &Methods::metrics},
      {"rpc", &Methods::rpc},
      {"rpc.faults", &Methods::set_path_faults},
      {"inject", &Methods::inject},
      {"inject.pending", &Methods::list_faults},
      {"inject.cancel", &Methods::cancel_faults},
  }};
  return kMethods;
}

std::vector<std::string> Methods::names() {
  std::vector<std::string> names;
  names.reserve(table().size());
  for (const Entry& entry : table()) names.emplace_back(entry.first);
  return names;
}

Methods::Method Methods::find_method(const std::string& name) {
  for (const auto& [known, method] : table()) {
    if (known == name) return method;
  }
  return nullptr;
}

void Methods::handle(ControlClient& client, const wire::RpcRequest& request) {
  const Method method = find_method(request.method);
  if (method == nullptr) {
    if (!request.notification) {
      client.refuse(request.id, RpcCode::kMethodNotFound,
                    "unknown method " + request.method.substr(0, 64));
    }
    return;
  }
  Call call{client, request, Params(request.params)};
  (this->*method)(call);
}

bool Methods::check(Call& call) {
  const std::string fault = call.params.fault();
  if (!fault.empty() && !call.request.notification) {
    call.client.refuse(call.request.id, RpcCode::kInvalidParams, fault);
  }
  return fault.empty();
}

void Methods::reply(Call& call, const Json& result) {
  if (!call.request.notification) call.client.reply(call.request.id, result);
}

void Methods::refuse(Call& call, const std::string& why) {
  if (!call.request.notification) call.client.refuse(call.request.id, RpcCode::kFailed, why);
}

void Methods::answer(ControlClient& client, const Waiter& waiter, const Answer& answer) {
  if (waiter.silent) return;
  if (answer.error.empty()) {
    client.reply(waiter.id, answer.result);
  } else {
    client.refuse(waiter.id, answer.code, answer.error);
  }
}

void Methods::wait(Call& call, std::function<std::optional<Answer>()> check) {
  waiters_.push_back(
      {call.client.number(), call.request.id, call.request.notification, std::move(check)});
  on_change();
}

void Methods::on_change() {
  const auto is_over = [this](const Waiter& waiter) {
    ControlClient* client = clients_.find(waiter.client);
    if (client == nullptr) return true;
    const std::optional<Answer> result = waiter.check();
    if (result) answer(*client, waiter, *result);
    return result.has_value();
  };
  std::erase_if(waiters_, is_over);
}

void Methods::on_finished(const Json& result) {
  on_change();
  for (const Waiter& waiter : std::exchange(down_waiters_, {})) {
    if (ControlClient* client = clients_.find(waiter.client)) answer(*client, waiter, {result, {}});
  }
}

bool Methods::is_awaited(std::uint64_t client) const {
  const auto is_its = [client](const Waiter& waiter) { return waiter.client == client; };
  return std::any_of(waiters_.begin(), waiters_.end(), is_its) ||
         std::any_of(down_waiters_.begin(), down_waiters_.end(), is_its);
}

bool Methods::check_follower(Call& call) {
  if (call.client.follows() || clients_.has_room_to_follow()) return true;
  refuse(call,
         "too many clients follow the cell; end one of its `hive events`, `hive console` or "
         "`hive exec`");
  return false;
}

void Methods::status(Call& call) {
  if (check(call)) reply(call, to_json(monitor_.status()));
}

void Methods::list_events(Call& call) {
  const std::uint64_t after = call.params.number("after", 0, kAnyNumber);
  if (!check(call)) return;
  Json list = Json::array();
  std::size_t bytes = 0;
  bool more = false;
  for (const wire::Event& event : monitor_.events().after(after)) {
    Json json = to_json(event);
    bytes += json.dump().size() + 1;
    more = bytes > kMaxListBytes;
    if (more) break;
    list.push_back(std::move(json));
  }
  reply(call, {{"events", std::move(list)}, {"more", more}});
}

void Methods::follow_events(Call& call) {
  const std::uint64_t after = call.params.number("after", 0, kAnyNumber);
  if (!check(call) || !check_follower(call)) return;
  reply(call, Json::object());
  for (const wire::Event& event : monitor_.events().after(after)) {
    call.client.notify("event", to_json(event));
  }
  call.client.follows_events = true;
}

std::optional<ConsoleId> Methods::console_param(Call& call) {
  const std::string name = call.params.text("console", "serial");
  for (const ConsoleId id : {ConsoleId::kSerial, ConsoleId::kVirtio}) {
    if (name == to_string(id)) return id;
  }
  return std::nullopt;
}

void Methods::attach_console(Call& call) {
  const std::optional<ConsoleId> id = console_param(call);
  const bool replay = call.params.boolean("replay", true);
  if (!check(call)) return;
  if (!id) return refuse(call, "a cell has the consoles serial and virtio");
  if (!check_follower(call)) return;
  reply(call, Json::object());
  if (replay) notify_console(call.client, *id, monitor_.console(*id).contents());
  call.client.consoles.insert(*id);
}

void Methods::write_console(Call& call) {
  const std::optional<ConsoleId> id = console_param(call);
  const std::string bytes = call.params.bytes("data");
  if (!check(call)) return;
  if (!id) return refuse(call, "a cell has the consoles serial and virtio");
  if (!monitor_.write_console(*id, bytes)) return refuse(call, "the guest does not read it");
  reply(call, Json::object());
}

void Methods::detach_console(Call& call) {
  const std::optional<ConsoleId> id = console_param(call);
  if (!check(call)) return;
  if (!id) return refuse(call, "a cell has the consoles serial and virtio");
  call.client.consoles.erase(*id);
  reply(call, Json::object());
}

void Methods::exec(Call& call) {
  const std::vector<std::string> argv = call.params.words("argv");
  if (!check(call) || !check_follower(call)) return;
  AgentPeer* agent = monitor_.agent();
  if (agent == nullptr) {
    return refuse(call, "the guest's agent is not up: the cell is " +
                            std::string(to_string(monitor_.machine().state())));
  }
  const std::optional<std::uint32_t> session = agent->exec(argv);
  if (!session) return refuse(call, "too many commands run, or the command is too long");
  call.client.sessions.insert(*session);
  reply(call, {{"session", *session}});
}

void Methods::write_exec(Call& call) {
  const auto session =
      static_cast<std::uint32_t>(call.params.required_number("session", kMaxSession));
  const std::string bytes = call.params.bytes("data");
  const bool last = call.params.boolean("eof", false);
  if (!check(call)) return;
  AgentPeer* agent = monitor_.agent();
  if (agent == nullptr || !call.client.sessions.contains(session)) {
    return refuse(call, "no such session");
  }
  if (call.client.waiting_input.contains(session)) {
    return refuse(call, "earlier input of the session is still on its way");
  }
  // The answer comes when the input is on its way, which may be at once.
  if (!call.request.notification) call.client.waiting_input[session] = call.request.id;
  if (!agent->write_input(session, bytes, last)) {
    call.client.waiting_input.erase(session);
    refuse(call, "the session's input has ended or is still on its way");
  }
}

void Methods::signal_exec(Call& call) {
  const auto session =
      static_cast<std::uint32_t>(call.params.required_number("session", kMaxSession));
  const auto number = static_cast<int>(call.params.required_number("signal", NSIG - 1));
  if (!check(call)) return;
  AgentPeer* agent = monitor_.agent();
  if (agent == nullptr || !call.client.sessions.contains(session) ||
      !agent->signal(session, number)) {
    return refuse(call, "no such session");
  }
  reply(call, Json::object());
}

void Methods::down(Call& call) {
  const bool force = call.params.boolean("force", false);
  const bool purge = call.params.boolean("purge", false);
  const std::chrono::milliseconds grace(
      call.params.number("grace_ms", kDefaultGraceMs, kMaxGraceMs));
  if (!check(call)) return;
  purge_ = purge_ || purge;
  down_waiters_.push_back({call.client.number(), call.request.id, call.request.notification, {}});
  monitor_.request_down(force, grace);
}

void Methods::reboot(Call& call) {
  const bool force = call.params.boolean("force", false);
  const std::chrono::milliseconds grace(
      call.params.number("grace_ms", kDefaultGraceMs, kMaxGraceMs));
  if (!check(call)) return;
  const Incarnation old = monitor_.machine().incarnation();
  const std::string refusal = monitor_.request_reboot(force, grace);
  if (!refusal.empty()) return refuse(call, refusal);
  wait(call, [this, old] { return check_restarted(old); });
}

std::optional<Methods::Answer> Methods::check_restarted(Incarnation old) const {
  const CellMachine& machine = monitor_.machine();
  if (machine.incarnation() != old && machine.state() != CellState::kFailed) {
    return Answer{{{"incarnation", machine.incarnation()}}, {}};
  }
  if (!is_ended(machine.state())) return std::nullopt;
  const std::string cause = machine.cause();
  return Answer{{},
                "the cell is " + std::string(to_string(machine.state())) +
                    (cause.empty() ? "" : ": " + cause)};
}

void Methods::pause(Call& call) {
  if (!check(call)) return;
  const std::string refusal = monitor_.request_pause();
  if (!refusal.empty()) return refuse(call, refusal);
  wait(call, [this] { return check_state(true); });
}

void Methods::resume(Call& call) {
  if (!check(call)) return;
  const std::string refusal = monitor_.request_resume();
  if (!refusal.empty()) return refuse(call, refusal);
  wait(call, [this] { return check_state(false); });
}

std::optional<Methods::Answer> Methods::check_state(bool paused) const {
  const CellState state = monitor_.machine().state();
  const bool runs = state == CellState::kRunning || state == CellState::kBooting;
  if (!runs && state != CellState::kPaused) {
    return Answer{{}, "the cell is " + std::string(to_string(state)) + " now"};
  }
  if (paused == (state == CellState::kPaused)) return Answer{{{"state", to_string(state)}}, {}};
  const std::string& fault = monitor_.machine().hold_fault();
  if (fault.empty()) return std::nullopt;
  return Answer{{}, fault + "; try again, or start the cell anew: hive reboot --force CELL"};
}

void notify_console(ControlClient& client, ConsoleId console, std::string_view bytes) {
  constexpr std::size_t kPiece = 32 * 1024;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    client.notify("console.output", {{"console", to_string(console)},
                                     {"data", wire::encode_base64(bytes.substr(at, kPiece))}});
  }
}

}  // namespace hive::control
