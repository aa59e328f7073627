// What happens in a simulation, for its reader.
#pragma once

#include <cstdio>
#include <string>

#include "cellmon/agree/agreement.h"

namespace hive::sim {

/// Prints lines with the simulated time where that is asked for.
class Trace {
 public:
  explicit Trace(bool on) : on_(on) {}

  [[nodiscard]] bool on() const { return on_; }
  void line(agree::Time now, const std::string& text) const {
    if (on_) std::printf("%9.3f ms  %s\n", static_cast<double>(now) / 1e6, text.c_str());
  }

 private:
  bool on_;
};

std::string name_of(CellId cell);
std::string describe(agree::CellSet set);
std::string describe(agree::EvidenceSet evidence);
std::string describe(const agree::Decision& decision);
std::string describe(const agree::Agreed& agreed);
std::string describe(const agree::Message& message);

}  // namespace hive::sim
