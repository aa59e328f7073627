#include "cellmon/cli/campaign/injection.h"

namespace hive::cli {

Injection inject(RpcClient& client, const campaign::Draw& drawn, Milliseconds limit) {
  Json parameters = Json::object();
  for (const auto& [name, value] : drawn.parameters) parameters[name] = value;
  try {
    client.call("inject", {{"fault", drawn.fault}, {"parameters", parameters}}, limit);
  } catch (const RequestRefused& refused) {
    return {refused.what(), true};
  } catch (const Error&) {
    return {{}, false};
  }
  return {{}, true};
}

}  // namespace hive::cli
