#include "dns/zone_resolver.hpp"

#include <algorithm>
#include <utility>

namespace pabal::dns {

Async<Answer> ZoneResolver::resolve(Name name, Type type) {
  const auto zones = *zones_.lock();
  auto found = zones->find(name, type);
  if (!found) co_return co_await next_.resolve(std::move(name), type);
  if (!found->elsewhere) co_return std::move(found->answer);
  auto answer = co_await next_.resolve(std::move(found->answer.name), type);
  answer.ttl = std::min(answer.ttl, found->answer.ttl);
  answer.secure = false;  // the alias that led there is not proven
  co_return answer;
}

}  // namespace pabal::dns
