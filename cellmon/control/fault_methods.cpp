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
  const auto outcome = std::make_shared<std::optional<Faults::Outcome>>();
  monitor_.faults().inject(std::get<inject::Fault>(fault),
                           [outcome](const Faults::Outcome& come) { *outcome = come; });
  wait(call, [outcome]() -> std::optional<Answer> {
    if (!*outcome) return std::nullopt;
    return Answer{wire::Json::object(), (*outcome)->refusal,
                  (*outcome)->is_certain ? wire::RpcCode::kFailed : wire::RpcCode::kUnknown};
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
