// The method that injects faults.
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
  const std::string refusal = monitor_.inject(std::get<inject::Fault>(fault));
  if (!refusal.empty()) return refuse(call, refusal);
  reply(call, wire::Json::object());
}

}  // namespace hive::control
