#include "db/sqlite/page_cache.hpp"

#include <new>

#include <sqlite3.h>

namespace pabal::db::sqlite {

namespace {

// SQLite's methods. Its interface hands no context to the one that makes a cache.
sqlite3_pcache_methods2& own() noexcept {
  static sqlite3_pcache_methods2 methods{};
  return methods;
}

struct Cache {
  sqlite3_pcache* pages;
  PageNumbers numbers;
};

// SQLite's handle of a cache is ours.
Cache& cache(sqlite3_pcache* handle) noexcept { return *reinterpret_cast<Cache*>(handle); }

sqlite3_pcache* create(int page_size, int extra, int purgeable) noexcept {
  auto* const pages = own().xCreate(page_size, extra, purgeable);
  if (pages == nullptr) return nullptr;
  auto* const made = new (std::nothrow) Cache{pages, PageNumbers(page_size)};
  if (made == nullptr) own().xDestroy(pages);
  return reinterpret_cast<sqlite3_pcache*>(made);
}

void set_size(sqlite3_pcache* handle, int pages) noexcept { own().xCachesize(cache(handle).pages, pages); }

int count(sqlite3_pcache* handle) noexcept { return own().xPagecount(cache(handle).pages); }

sqlite3_pcache_page* fetch(sqlite3_pcache* handle, unsigned number, int may_create) noexcept {
  auto* const page = own().xFetch(cache(handle).pages, number, may_create);
  if (page != nullptr && may_create != 0) cache(handle).numbers.has(number);
  return page;
}

void unpin(sqlite3_pcache* handle, sqlite3_pcache_page* page, int discard) noexcept {
  own().xUnpin(cache(handle).pages, page, discard);
}

void move(sqlite3_pcache* handle, sqlite3_pcache_page* page, unsigned before, unsigned number) noexcept {
  own().xRekey(cache(handle).pages, page, before, number);
  cache(handle).numbers.moved(before, number);
}

void truncate(sqlite3_pcache* handle, unsigned first) noexcept {
  if (cache(handle).numbers.truncate(first)) own().xTruncate(cache(handle).pages, first);
}

void destroy(sqlite3_pcache* handle) noexcept {
  own().xDestroy(cache(handle).pages);
  delete &cache(handle);
}

void shrink(sqlite3_pcache* handle) noexcept { own().xShrink(cache(handle).pages); }

}  // namespace

void use_page_cache() {
  sqlite3_pcache_methods2 found{};
  if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &found) != SQLITE_OK) return;
  own() = found;
  const sqlite3_pcache_methods2 ours = {.iVersion = 1,
                                        .pArg = found.pArg,
                                        .xInit = found.xInit,
                                        .xShutdown = found.xShutdown,
                                        .xCreate = create,
                                        .xCachesize = set_size,
                                        .xPagecount = count,
                                        .xFetch = fetch,
                                        .xUnpin = unpin,
                                        .xRekey = move,
                                        .xTruncate = truncate,
                                        .xDestroy = destroy,
                                        .xShrink = shrink};
  sqlite3_config(SQLITE_CONFIG_PCACHE2, &ours);
}

}  // namespace pabal::db::sqlite
