// What commands print where no fault strikes.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace hive::cli {

/// Kept in files of one folder, CELL.COMMAND, so that a campaign that goes on compares with the
/// same.
class ReferenceCopies {
 public:
  /// FOLDER is made when the first one is kept.
  explicit ReferenceCopies(std::string folder) : folder_(std::move(folder)) {}

  /// Takes the file at PATH for COMMAND in all cells. Throws Error.
  void take_file(const std::string& command, const std::string& path);

  /// What COMMAND has to print in CELL; nothing while nobody knows.
  [[nodiscard]] std::optional<std::string> find(const std::string& cell,
                                                const std::string& command) const;
  /// Keeps OUTPUT, unless somebody else has kept some meanwhile. Throws Error.
  void keep(const std::string& cell, const std::string& command, const std::string& output);

 private:
  std::string folder_;
  std::map<std::string, std::string> given_;          ///< By command.
  mutable std::map<std::string, std::string> known_;  ///< What was read, by file name.
};

/// The file at PATH, which the campaign's file names. Throws Error (kUsage).
std::string read_reference(const std::string& path);

/// How OUTPUT differs from REFERENCE; empty where it does not.
std::string difference(const std::string& output, const std::string& reference);

}  // namespace hive::cli
