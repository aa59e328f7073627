// The methods that inject faults.
#include <memory>
#include <optional>
#include <string>

#include "cellmon/control/methods.h"
#include "cellmon/inject/fault.h"

namespace hive::control {

void Methods::inject(Call& call) {
  const std::string name = call.params.required_text("fault");
  const inject::Values values = call.params.texts("parameters");
  if (!check(call)) return;
  const auto fault = inject::parse(name, values, monitor_.siblings().cell_names(),
                                   static_cast<CellId>(monitor_.siblings().own()));
  if (const auto* why = std::get_if<std::string>(&fault)) {
    if (!call.request.notification) {
      call.client.refuse(call.request.id, wire::RpcCode::kInvalidParams, *why);
    }
    return;
  }
  const auto refusal = std::make_shared<std::optional<std::string>>();
  monitor_.faults().inject(std::get<inject::Fault>(fault),
                           [refusal](const std::string& why) { *refusal = why; });
  wait(call, [refusal]() -> std::optional<Answer> {
    if (!*refusal) return std::nullopt;
    return Answer{wire::Json::object(), **refusal};
  });
}

void Methods::list_faults(Call& call) {
  if (!check(call)) return;
  reply(call, {{"pending", monitor_.faults().pending()}});
}

void Methods::cancel_faults(Call& call) {
  if (check(call)) reply(call, {{"cancelled", monitor_.faults().cancel()}});
}

}  // namespace hive::control
