#include "db/sqlite/vfs.hpp"

#include <cstring>
#include <stdexcept>

#include "base/memory_file.hpp"
#include "db/sqlite/page_cache.hpp"

namespace pabal::db::sqlite {

namespace {

Vfs& self(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }

/// The system's own VFS, for what has nothing to do with files.
sqlite3_vfs* system_vfs() {
  static sqlite3_vfs* const found = [] {
    // Before SQLite is first used: counting its memory takes a lock at every allocation, a tenth of a small write's
    // time. Says SQLITE_MISUSE, and changes nothing, where another part of the process has used SQLite already.
    if (const int code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); code != SQLITE_OK && code != SQLITE_MISUSE) {
      throw std::runtime_error("sqlite3_config failed");
    }
    use_page_cache();
    sqlite3_initialize();
    return sqlite3_vfs_find("unix");
  }();
  return found;
}

int vfs_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  return open_vfs_file(self(vfs), path, file, flags, flags_out);
}

int vfs_delete(sqlite3_vfs* vfs, const char* path, int flush_folder) {
  auto& files = self(vfs).files();
  if (auto removed = files.remove(path); !removed) {
    if (removed.error().kind == ErrorKind::not_found) return SQLITE_IOERR_DELETE_NOENT;
    return self(vfs).note(removed.error(), SQLITE_IOERR_DELETE);
  }
  if (flush_folder != 0) {
    if (auto flushed = files.sync_folder(folder_of(path)); !flushed) {
      self(vfs).set_broken();
      return self(vfs).note(flushed.error(), SQLITE_IOERR_DIR_FSYNC);
    }
  }
  return SQLITE_OK;
}

int vfs_access(sqlite3_vfs* vfs, const char* path, int, int* found) {
  auto exists = self(vfs).files().exists(path);
  if (!exists) return self(vfs).note(exists.error(), SQLITE_IOERR_ACCESS);
  *found = *exists ? 1 : 0;
  return SQLITE_OK;
}

int vfs_full_path(sqlite3_vfs*, const char* path, int octets, char* out) {
  const auto size = std::strlen(path) + 1;
  if (size > static_cast<std::size_t>(octets)) return SQLITE_CANTOPEN;
  std::memcpy(out, path, size);
  return SQLITE_OK;
}

int vfs_randomness(sqlite3_vfs*, int octets, char* out) { return system_vfs()->xRandomness(system_vfs(), octets, out); }
int vfs_sleep(sqlite3_vfs*, int microseconds) { return system_vfs()->xSleep(system_vfs(), microseconds); }
int vfs_time(sqlite3_vfs*, double* days) { return system_vfs()->xCurrentTime(system_vfs(), days); }
int vfs_time64(sqlite3_vfs*, sqlite3_int64* milliseconds) {
  return system_vfs()->xCurrentTimeInt64(system_vfs(), milliseconds);
}
int vfs_last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

Vfs::Vfs(FileSystem& files, std::string path)
    : files_(files), path_(std::move(path)), name_(fmt::format("pabal-{}", static_cast<const void*>(this))) {
  vfs_.iVersion = 2;
  vfs_.szOsFile = vfs_file_size();
  vfs_.mxPathname = 4096;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = vfs_open;
  vfs_.xDelete = vfs_delete;
  vfs_.xAccess = vfs_access;
  vfs_.xFullPathname = vfs_full_path;
  vfs_.xRandomness = vfs_randomness;
  vfs_.xSleep = vfs_sleep;
  vfs_.xCurrentTime = vfs_time;
  vfs_.xGetLastError = vfs_last_error;
  vfs_.xCurrentTimeInt64 = vfs_time64;
  system_vfs();
  sqlite3_vfs_register(&vfs_, 0);
}

Vfs::~Vfs() { sqlite3_vfs_unregister(&vfs_); }

FlushState& Vfs::flush_state(const std::string& path) {
  auto states = flush_states_.lock();
  auto& state = (*states)[path];
  if (state == nullptr) state = std::make_unique<FlushState>();
  return *state;
}

int Vfs::note(const Error& error, int code) {
  *last_error_.lock() = error.log;
  return code;
}

void Vfs::note_new(const std::string& path) { new_names_.lock()->insert(path); }

Result<void> Vfs::flush_name(const std::string& path) {
  if (!new_names_.lock()->contains(path)) return {};
  if (auto flushed = files_.sync_folder(folder_of(path)); !flushed) return flushed;
  new_names_.lock()->erase(path);
  return {};
}

}  // namespace pabal::db::sqlite
