// The folder that cells' crash dumps are kept in.
#pragma once

#include <string>
#include <string_view>

#include "vmm/base/ids.h"

namespace hive::control {

/// How many core files of one cell are kept. Nobody's file is ever deleted: with these there, no
/// more are made, so that a cell that fails again and again does not fill the disk.
inline constexpr unsigned kMaxCoreFiles = 8;

/// OWNER-INCARNATION.core, where OWNER is MACHINE-CELL.
std::string core_name(std::string_view owner, Incarnation incarnation);

/// Whether NAME is one that a core file of OWNER has or, with PARTIAL, has until it is whole.
bool is_core_of(std::string_view name, std::string_view owner, bool partial);

/// Makes FOLDER ready for one more core file of OWNER: removes what of one a monitor has left that
/// was killed. Throws Error when there are kMaxCoreFiles, or the folder cannot be read.
void prepare_core_folder(const std::string& folder, std::string_view owner);

}  // namespace hive::control
