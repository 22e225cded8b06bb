// A real store for tests and benchmarks of POP3 over it.
#pragma once
#include "server/pop3/scripted_services.hpp"
#include "store/store_world.hpp"

namespace pabal::server::pop3 {

using store::StoreWorld;

}  // namespace pabal::server::pop3
