#include "cellmon/cli/console_tail.h"

#include <algorithm>

#include "cellmon/wire/base64.h"
#include "cellmon/wire/text.h"

namespace hive::cli {

std::vector<std::string> last_lines(std::string_view text, std::size_t count) {
  constexpr std::size_t kMaxLine = 200;
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < count) {
    const std::size_t end = text.find_last_of("\r\n");
    const std::string_view line = end == std::string_view::npos ? text : text.substr(end + 1);
    text = end == std::string_view::npos ? std::string_view() : text.substr(0, end);
    if (line.find_first_not_of(" \t") != std::string_view::npos) {
      lines.push_back(wire::printable(line, kMaxLine));
    }
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string read_console(RpcClient& client, const std::string& console) {
  client.call("console.attach", {{"console", console}, {"replay", true}});
  // All that is replayed precedes the answer to the next request.
  client.call("console.detach", {{"console", console}});
  std::string text;
  while (const auto message = client.receive(Milliseconds(0))) {
    const auto* notification = std::get_if<wire::RpcNotification>(&*message);
    if (notification == nullptr || notification->method != "console.output") continue;
    text += wire::decode_base64(wire::text_member(notification->params, "data")).value_or("");
  }
  return text;
}

}  // namespace hive::cli
