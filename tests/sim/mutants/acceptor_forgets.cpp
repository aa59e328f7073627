// Instead of acceptor.cpp: nobody is told what was accepted.
#include "cellmon/agree/acceptor.h"

namespace hive::agree {

bool Acceptor::promise(std::uint32_t ballot) {
  if (ballot < promised_) return false;
  promised_ = ballot;
  accepted_ballot_ = 0;
  return true;
}

bool Acceptor::accept(std::uint32_t ballot, const Decision& decision) {
  if (!promise(ballot)) return false;
  accepted_ = decision;
  return true;
}

}  // namespace hive::agree
