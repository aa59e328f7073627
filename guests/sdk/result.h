// Results that may be failures.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "guests/sdk/hive.h"

namespace hive::sdk {

/// Why something could not be done.
struct Failure {
  hive_status status = HIVE_SYSTEM;  ///< Never HIVE_OK.
  std::string message;               ///< For people: what was at fault, and the remedy.
  std::uint32_t home = 0;            ///< Of HIVE_MOVED: the section's home, as far as is known.
};

/// Stands for success where there is nothing to give.
struct Done {};

/// A T, or why there is none. Ask ok() before either.
template <typename T>
class Result {
 public:
  Result(T value) : content_(std::move(value)) {}            // NOLINT: a value is a result
  Result(Failure failure) : content_(std::move(failure)) {}  // NOLINT: so is a failure

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  [[nodiscard]] hive_status status() const { return ok() ? HIVE_OK : failure().status; }
  [[nodiscard]] const T& value() const& { return std::get<0>(content_); }
  [[nodiscard]] T value() && { return std::get<0>(std::move(content_)); }
  [[nodiscard]] const Failure& failure() const { return std::get<1>(content_); }

 private:
  std::variant<T, Failure> content_;
};

/// STATUS, and what it is called.
Failure failure_of(hive_status status);

/// HIVE_SYSTEM or HIVE_NO_PERMISSION, as ERROR is, with "WHAT: strerror(ERROR)".
Failure system_failure(const std::string& what, int error);

}  // namespace hive::sdk
