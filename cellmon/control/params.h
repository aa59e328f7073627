// The parameters of a request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/wire/json_rpc.h"

namespace hive::control {

/// As a limit: no limit.
inline constexpr std::uint64_t kAnyNumber = ~std::uint64_t{0};

/// Takes a request's parameters by name. The first fault (missing, of the wrong type, out of range,
/// unknown) is kept; check fault() once all are taken.
class Params {
 public:
  explicit Params(const wire::Json& params) : params_(params) {}

  bool boolean(const char* name, bool missing);
  /// A whole number from 0 to MAX.
  std::uint64_t number(const char* name, std::uint64_t missing, std::uint64_t max);
  std::uint64_t required_number(const char* name, std::uint64_t max);
  std::string text(const char* name, const char* missing);
  std::string required_text(const char* name);
  std::optional<std::string> optional_text(const char* name);
  /// Bytes in base64.
  std::string bytes(const char* name);
  /// Strings by name; none if missing.
  std::map<std::string, std::string> texts(const char* name);
  /// At least one string.
  std::vector<std::string> words(const char* name);

  /// Why the parameters are refused; empty when they are sound.
  [[nodiscard]] std::string fault();

 private:
  const wire::Json* find(const char* name);
  void refuse(const std::string& why);

  const wire::Json& params_;
  std::vector<std::string> known_;
  std::string fault_;
};

}  // namespace hive::control
