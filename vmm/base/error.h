// The one exception type of the project.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace hive {

/// Why an operation could not be done, told so that its reader can act: what failed, on which
/// object (file, cell, device), and the remedy. Thrown while something is set up; steady-state
/// paths (queue parsing, wire messages) return values instead.
class Error : public std::runtime_error {
 public:
  /// The exit status that a program ends with when the error reaches its main().
  enum class Kind {
    kFailed = 1,  ///< The operation failed.
    kUsage = 2,   ///< The command line or the configuration is at fault.
  };

  explicit Error(const std::string& message, Kind kind = Kind::kFailed)
      : std::runtime_error(message), kind_(kind) {}

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] int exit_status() const { return static_cast<int>(kind_); }

 private:
  Kind kind_;
};

/// Throws Error("WHAT: strerror(ERROR)"), with "; REMEDY" appended when there is one.
[[noreturn]] void throw_errno(std::string_view what, int error, std::string_view remedy = {});

/// throw_errno() with the calling thread's errno.
[[noreturn]] void throw_errno(std::string_view what);

}  // namespace hive
