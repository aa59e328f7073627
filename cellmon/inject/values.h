// The values of a fault's parameters.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cellmon/inject/catalogue.h"
#include "cellmon/inject/fault.h"

namespace hive::inject {

/// The cells of a machine, and which of them has the fault.
struct Cells {
  std::span<const std::string> names;
  CellId own{};
};

/// Puts VALUE of PARAMETER into FAULT, which has its kind, and `memory`, `device` and `writes`
/// where that has them; or says why it is none, to follow the value.
std::string take_value(const Parameter& parameter, std::string_view value, const Cells& cells,
                       Fault& fault);

/// How WHERE is written.
std::string_view name_of(Where where);

}  // namespace hive::inject
