// One open file as SQLite sees it.
#include <cstring>
#include <new>

#include "db/sqlite/vfs.hpp"

namespace pabal::db::sqlite {

namespace {

// A full disk has a code of its own, so that those who write can be told.
int full_or(const Error& error, int code) noexcept { return error.kind == ErrorKind::no_space ? SQLITE_FULL : code; }

class VfsFile {
 public:
  VfsFile(Vfs& vfs, std::unique_ptr<File> file, std::string path, bool is_log)
      : vfs_(vfs), file_(std::move(file)), path_(std::move(path)), flush_(vfs.flush_state(path_)), is_log_(is_log) {}

  int close() {
    const int code = write_gathered();
    if (lock_level_ != SQLITE_LOCK_NONE) vfs_.file_locks().lower(this, lock_level_, SQLITE_LOCK_NONE);
    vfs_.index().unlock(holder_, 0, LogIndex::slots);
    if (database_ != nullptr) database_->log_ = nullptr;
    return code;
  }

  int read(void* buffer, int octets, sqlite3_int64 offset) {
    if (!gathered_.empty()) {
      if (const int code = write_gathered(); code != SQLITE_OK) return code;
    }
    const std::span<char> into(static_cast<char*>(buffer), static_cast<std::size_t>(octets));
    auto count = file_->read_at(into, static_cast<std::uint64_t>(offset));
    if (!count) return vfs_.note(count.error(), SQLITE_IOERR_READ);
    if (*count == into.size()) return SQLITE_OK;
    std::memset(into.data() + *count, 0, into.size() - *count);
    return SQLITE_IOERR_SHORT_READ;
  }

  int write(const void* buffer, int octets, sqlite3_int64 at) {
    const std::string_view from(static_cast<const char*>(buffer), static_cast<std::size_t>(octets));
    const auto offset = static_cast<std::uint64_t>(at);
    if (vfs_.broken()) return SQLITE_IOERR_WRITE;
    if (!is_log_) return write_now(from, offset);
    if (gathered_.empty()) {
      gathered_at_ = offset;
    } else if (offset >= gathered_at_ && offset + from.size() <= gathered_at_ + gathered_.size()) {
      gathered_.replace(static_cast<std::size_t>(offset - gathered_at_), from.size(), from);
      return SQLITE_OK;
    } else if (offset != gathered_at_ + gathered_.size()) {
      if (const int code = write_gathered(); code != SQLITE_OK) return code;
      gathered_at_ = offset;
    }
    gathered_ += from;
    return gathered_.size() < most_gathered ? SQLITE_OK : write_gathered();
  }

  int truncate(sqlite3_int64 size) {
    if (vfs_.broken()) return SQLITE_IOERR_TRUNCATE;
    if (const int code = write_gathered(); code != SQLITE_OK) return code;
    if (auto now = file_->size(); now && *now == static_cast<std::uint64_t>(size)) return SQLITE_OK;
    if (auto done = file_->truncate(static_cast<std::uint64_t>(size)); !done) {
      return vfs_.note(done.error(), full_or(done.error(), SQLITE_IOERR_TRUNCATE));
    }
    flush_.written.fetch_add(1, std::memory_order_release);
    return SQLITE_OK;
  }

  int sync() {
    if (vfs_.broken()) return SQLITE_IOERR_FSYNC;
    if (const int code = write_gathered(); code != SQLITE_OK) return code;
    const auto written = flush_.written.load(std::memory_order_acquire);
    if (flush_.flushed.load(std::memory_order_acquire) < written) {
      if (auto done = file_->sync(); !done) {
        vfs_.set_broken();
        return vfs_.note(done.error(), SQLITE_IOERR_FSYNC);
      }
      auto before = flush_.flushed.load(std::memory_order_relaxed);
      while (before < written && !flush_.flushed.compare_exchange_weak(before, written, std::memory_order_release)) {
      }
    }
    if (auto done = vfs_.flush_name(path_); !done) {
      vfs_.set_broken();
      return vfs_.note(done.error(), SQLITE_IOERR_DIR_FSYNC);
    }
    return SQLITE_OK;
  }

  int size(sqlite3_int64* out) {
    if (const int code = write_gathered(); code != SQLITE_OK) return code;
    auto size = file_->size();
    if (!size) return vfs_.note(size.error(), SQLITE_IOERR_FSTAT);
    *out = static_cast<sqlite3_int64>(*size);
    return SQLITE_OK;
  }

  int lock(int level) {
    lock_level_ = vfs_.file_locks().raise(this, lock_level_, level);
    return lock_level_ >= level ? SQLITE_OK : SQLITE_BUSY;
  }
  int unlock(int level) {
    vfs_.file_locks().lower(this, lock_level_, level);
    lock_level_ = std::min(lock_level_, level);
    return SQLITE_OK;
  }
  int check_reserved(int* out) {
    *out = vfs_.file_locks().reserved() ? 1 : 0;
    return SQLITE_OK;
  }

  int shm_map(int region, int octets, int make, void volatile** out) {
    *out = vfs_.index().region(static_cast<std::size_t>(region), static_cast<std::size_t>(octets), make != 0);
    return SQLITE_OK;
  }
  int shm_lock(int first, int count, int flags) {
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      vfs_.index().unlock(holder_, first, count);
      return SQLITE_OK;
    }
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    return vfs_.index().lock(holder_, first, count, exclusive) ? SQLITE_OK : SQLITE_BUSY;
  }
  void shm_barrier() {
    // Others may read in the log what the index tells them after this.
    if (log_ != nullptr && !log_->gathered_.empty() && log_->write_gathered() != SQLITE_OK) vfs_.set_broken();
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  int shm_unmap() {
    vfs_.index().unlock(holder_, 0, LogIndex::slots);
    return SQLITE_OK;
  }
  void unfetch() {
    if ((holder_.exclusive & (1U << LogIndex::checkpoint_slot)) != 0 && vfs_.in_checkpoint) vfs_.in_checkpoint();
  }

  void belongs_to(VfsFile& database) {
    database_ = &database;
    database.log_ = this;
  }

 private:
  static constexpr std::size_t most_gathered = 1 << 20;

  int write_now(std::string_view octets, std::uint64_t offset) {
    if (auto done = file_->write_at(octets, offset); !done) {
      return vfs_.note(done.error(), full_or(done.error(), SQLITE_IOERR_WRITE));
    }
    flush_.written.fetch_add(1, std::memory_order_release);
    return SQLITE_OK;
  }

  int write_gathered() {
    if (gathered_.empty()) return SQLITE_OK;
    const int code = write_now(gathered_, gathered_at_);
    if (code != SQLITE_OK) spoil();
    gathered_.clear();
    return code;
  }

  // The log's writer is told that it failed, and rolls back. If all of it is in the file nevertheless, a process that
  // is killed now would find the commit in the log when it starts again. So the first octets are made wrong, with which
  // the log ends there. (They were not committed: the log's header or frames behind the last commit.) A disk that
  // refuses this too has most likely refused the other, and what a power loss leaves of unflushed writes nobody knows
  // anyway.
  void spoil() {
    std::string wrong = gathered_.substr(0, 8);
    for (char& octet : wrong) octet = static_cast<char>(~octet);
    if (auto done = file_->write_at(wrong, gathered_at_); !done) vfs_.note(done.error(), SQLITE_IOERR_WRITE);
  }

  Vfs& vfs_;
  std::unique_ptr<File> file_;
  std::string path_;
  FlushState& flush_;
  bool is_log_;
  std::string gathered_;  ///< the log's: frames that SQLite has written and the disk has not
  std::uint64_t gathered_at_ = 0;
  VfsFile* log_ = nullptr;       ///< the database's: its connection's log
  VfsFile* database_ = nullptr;  ///< the log's: its connection's database
  int lock_level_ = SQLITE_LOCK_NONE;
  LogIndex::Holder holder_;
};

/// What SQLite allocates for us.
struct Slot {
  sqlite3_file base;
  VfsFile* file;
};

VfsFile& self(sqlite3_file* file) { return *reinterpret_cast<Slot*>(file)->file; }

int file_close(sqlite3_file* file) {
  auto* const slot = reinterpret_cast<Slot*>(file);
  const std::unique_ptr<VfsFile> owner(std::exchange(slot->file, nullptr));
  return owner->close();
}
int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int file_sector(sqlite3_file*) { return 4096; }
int file_traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

constexpr sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = [](sqlite3_file* f, void* p, int n, sqlite3_int64 at) { return self(f).read(p, n, at); },
    .xWrite = [](sqlite3_file* f, const void* p, int n, sqlite3_int64 at) { return self(f).write(p, n, at); },
    .xTruncate = [](sqlite3_file* f, sqlite3_int64 size) { return self(f).truncate(size); },
    .xSync = [](sqlite3_file* f, int) { return self(f).sync(); },
    .xFileSize = [](sqlite3_file* f, sqlite3_int64* size) { return self(f).size(size); },
    .xLock = [](sqlite3_file* f, int level) { return self(f).lock(level); },
    .xUnlock = [](sqlite3_file* f, int level) { return self(f).unlock(level); },
    .xCheckReservedLock = [](sqlite3_file* f, int* out) { return self(f).check_reserved(out); },
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = [](sqlite3_file* f, int region, int n, int make,
                  void volatile** out) { return self(f).shm_map(region, n, make, out); },
    .xShmLock = [](sqlite3_file* f, int first, int n, int flags) { return self(f).shm_lock(first, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { self(f).shm_barrier(); },
    .xShmUnmap = [](sqlite3_file* f, int) { return self(f).shm_unmap(); },
    // Nothing is mapped; SQLite calls xUnfetch all the same when it learns that the log has changed.
    .xFetch =
        [](sqlite3_file*, sqlite3_int64, int, void** out) {
          *out = nullptr;
          return SQLITE_OK;
        },
    .xUnfetch =
        [](sqlite3_file* f, sqlite3_int64, void*) {
          self(f).unfetch();
          return SQLITE_OK;
        },
};

}  // namespace

int vfs_file_size() noexcept { return sizeof(Slot); }

int open_vfs_file(Vfs& vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;  // xClose is only called where this is set
  // Temporary files stay in memory (temp_store), so SQLite asks for none.
  if (path == nullptr) return SQLITE_CANTOPEN;
  const std::string name = path;
  OpenMode mode = OpenMode::read_write;
  if ((flags & SQLITE_OPEN_READONLY) != 0) {
    mode = OpenMode::read;
  } else if ((flags & SQLITE_OPEN_CREATE) != 0) {
    auto there = vfs.files().exists(name);
    if (!there) return vfs.note(there.error(), SQLITE_CANTOPEN);
    if (!*there) vfs.note_new(name);
    mode = (flags & SQLITE_OPEN_EXCLUSIVE) != 0 ? OpenMode::create_new : OpenMode::create;
  }
  auto opened = vfs.files().open(name, mode);
  if (!opened) {
    return vfs.note(opened.error(), full_or(opened.error(), SQLITE_CANTOPEN));
  }
  const bool is_log = (flags & SQLITE_OPEN_WAL) != 0;
  auto made = std::make_unique<VfsFile>(vfs, std::move(*opened), name, is_log);
  if (is_log) made->belongs_to(self(sqlite3_database_file_object(path)));
  auto* const slot = new (file) Slot{{&methods}, made.release()};
  if (flags_out != nullptr) *flags_out = flags;
  return slot != nullptr ? SQLITE_OK : SQLITE_CANTOPEN;
}

}  // namespace pabal::db::sqlite
