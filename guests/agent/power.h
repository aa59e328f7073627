// Ending the guest from inside.
#pragma once

namespace hive::agent {

/// Shuts the guest down and powers it off: by systemd where it runs, else at once after a sync.
/// Returns when the request is under way.
void power_off();
/// The same, with a reboot at the end.
void reboot();

}  // namespace hive::agent
