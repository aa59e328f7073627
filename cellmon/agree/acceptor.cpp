#include "cellmon/agree/acceptor.h"

namespace hive::agree {

bool Acceptor::promise(std::uint32_t ballot) {
  if (ballot < promised_) return false;
  promised_ = ballot;
  return true;
}

bool Acceptor::accept(std::uint32_t ballot, const Decision& decision) {
  if (!promise(ballot)) return false;
  accepted_ballot_ = ballot;
  accepted_ = decision;
  return true;
}

}  // namespace hive::agree
