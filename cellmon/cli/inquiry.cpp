#include "cellmon/cli/inquiry.h"

#include <utility>

#include "vmm/base/error.h"

namespace hive::cli {

Inquiry::Inquiry(wire::CellAddress address, Time deadline)
    : view_{std::move(address), std::nullopt, kNoAnswer} {
  try {
    client_ = RpcClient::connect(view_.address, left_until(deadline));
  } catch (const Error&) {
    return;
  }
  if (client_) {
    status_ = client_->send("status", Json::object());
  } else {
    view_.problem = kMonitorLost;
  }
}

void Inquiry::answer(Time deadline, const std::function<void()>& more) {
  if (!client_) return;
  try {
    view_.status = wire::parse_status(client_->answer(status_, share_of(deadline)));
    view_.problem = view_.status ? "" : kMalformed;
    if (view_.status && more) more();
  } catch (const Error&) {
    view_.problem = client_->refusal().empty() ? kNoAnswer : client_->refusal();
  }
}

}  // namespace hive::cli
