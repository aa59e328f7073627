#include "cellmon/control/control_client.h"

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "cellmon/wire/base64.h"

namespace hive::control {

using wire::RpcCode;

ControlClient::ControlClient(boost::asio::io_context& loop, UniqueFd fd, std::uint64_t number,
                             Handlers handlers)
    : loop_(loop),
      number_(number),
      handlers_(std::move(handlers)),
      stream_(loop, std::move(fd), kMaxQueue,
              {[this](std::string_view bytes) { take_data(bytes); }, [this] { close(); },
               [this] { take_drained(); }}) {}

void ControlClient::take_data(std::string_view bytes) {
  lines_.feed(bytes);
  while (!closing_) {
    const auto line = lines_.next();
    if (!line) break;
    take_line(*line);
  }
  if (closing_ || !lines_.overflowed()) return;
  refuse(nullptr, RpcCode::kInvalidRequest, "the line is too long");
  close();
}

void ControlClient::take_line(const std::string& line) {
  const auto parsed = wire::parse_request(line);
  if (const auto* request = std::get_if<wire::RpcRequest>(&parsed)) {
    handlers_.on_request(*request);
    return;
  }
  const auto& error = std::get<wire::RpcError>(parsed);
  refuse(error.id, static_cast<RpcCode>(error.code), error.message);
}

void ControlClient::reply(const wire::Json& id, const wire::Json& result) {
  send(wire::format_result(id, result));
}

void ControlClient::refuse(const wire::Json& id, RpcCode code, std::string_view why) {
  send(wire::format_error(id, code, why));
}

void ControlClient::notify(std::string_view method, const wire::Json& params) {
  send(wire::format_notification(method, params));
}

void ControlClient::notify_output(std::uint32_t session, std::string_view stream,
                                  std::string_view bytes) {
  untaken_[session] += bytes.size();
  notify("exec.output",
         {{"session", session}, {"stream", stream}, {"data", wire::encode_base64(bytes)}});
  if (!stream_.has_queue()) take_drained();
}

void ControlClient::take_drained() {
  for (const auto& [session, bytes] : std::exchange(untaken_, {})) {
    handlers_.on_output_taken(session, bytes);
  }
}

void ControlClient::send(std::string_view line) {
  if (closing_) return;
  if (!stream_.write(line)) close();
}

void ControlClient::close() {
  if (std::exchange(closing_, true)) return;
  // By way of the loop: whoever is sending to this client still uses it.
  boost::asio::post(loop_, handlers_.on_closed);
}

}  // namespace hive::control
