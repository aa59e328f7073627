// Ending the guest from inside.
#pragma once

namespace hive::agent {

/// Powers the guest off: by systemd where it runs, else at once, after its file systems are written
/// out and made read-only where that can be. Returns when the request is under way.
void power_off();
/// The same, with a reboot at the end.
void reboot();

}  // namespace hive::agent
