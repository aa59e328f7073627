// What the micro guest has of guests/bare, by the short names.
#pragma once

#include "guests/bare/apic.h"
#include "guests/bare/idt.h"
#include "guests/bare/x86.h"

namespace hive::micro {

using namespace bare;

}  // namespace hive::micro
