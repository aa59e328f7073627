// hivectl's commands. Each adds itself to APP, and works with SESSION, which outlives it; a failure
// is thrown as hive::Error.
#pragma once

#include <CLI/App.hpp>

#include "guests/ctl/session.h"

namespace hive::ctl {

void add_info(CLI::App& app, Session& session);
void add_section(CLI::App& app, Session& session);
void add_grant(CLI::App& app, Session& session);
void add_revoke(CLI::App& app, Session& session);
void add_page(CLI::App& app, Session& session);
void add_written(CLI::App& app, Session& session);
void add_read(CLI::App& app, Session& session);
void add_write(CLI::App& app, Session& session);
void add_fetch(CLI::App& app, Session& session);
void add_publish(CLI::App& app, Session& session);
void add_ring(CLI::App& app, Session& session);
void add_wait(CLI::App& app, Session& session);
void add_wake(CLI::App& app, Session& session);
void add_lock(CLI::App& app, Session& session);
void add_unlock(CLI::App& app, Session& session);
void add_discards(CLI::App& app, Session& session);
void add_reload(CLI::App& app, Session& session);
void add_rpc(CLI::App& app, Session& session);

/// All of the above. The exit status: 0, 1 (it failed) or 2 (usage); errors go to SESSION's err().
int run(int argc, const char* const* argv, Session& session);

}  // namespace hive::ctl
