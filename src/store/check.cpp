// check(): reads all of a shard and says what is wrong. The rows in one snapshot, with the background work at rest;
// then the octets, which may take hours, a few blobs at a time, while everything goes on.
#include <algorithm>

#include "store/checking.hpp"
#include "store/shard.hpp"
#include "store/stored_email.hpp"

namespace pabal::store {

namespace {

Result<void> check_queue(db::Connection& connection, Teller& teller, std::vector<std::int64_t>& references) {
  auto messages =
      each(connection,
           "SELECT m.delivery_id, m.size, m.pieces, COUNT(r.number) FROM queue_message m "
           "LEFT JOIN queue_recipient r ON r.delivery_id = m.delivery_id GROUP BY m.delivery_id, m.size, m.pieces",
           [&](const db::Rows& row) {
             const std::string where = fmt::format("queue {}", row.text(0));
             auto pieces = decode_pieces(row.octets(2));
             if (!pieces) {
               teller.tell(where, "{}", pieces.error().log);
               return;
             }
             std::uint64_t size = 0;
             for (const auto& piece : *pieces) {
               size += piece.length;
               references.push_back(piece.blob.value);
             }
             if (size != static_cast<std::uint64_t>(row.integer(1)))
               teller.tell(where, "says {} octets and has {}", row.integer(1), size);
             if (row.integer(3) == 0) teller.tell(where, "has no recipients");
           });
  if (!messages) return messages;
  return each(connection,
              "SELECT r.delivery_id, r.number FROM queue_recipient r LEFT JOIN queue_message m ON m.delivery_id = "
              "r.delivery_id "
              "WHERE m.delivery_id IS NULL",
              [&](const db::Rows& row) {
                teller.tell(fmt::format("queue {}", row.text(0)), "recipient {} has no message", row.integer(1));
              });
}

struct SegmentRow {
  std::int64_t generation = 0;
  SegmentState state = SegmentState::open;
  std::uint64_t end = 0;
};

}  // namespace

/// Blobs: counts of references and places, as one snapshot shows them; and then octets.
class BlobCheck {
 public:
  BlobCheck(Shard& shard, Teller& teller, Wanted& wanted)
      : shard_(&shard), teller_(&teller), references_(&wanted.references), facts_(&wanted.facts) {}

  Result<void> run(db::Connection& connection) {
    std::ranges::sort(*references_);
    auto segments = each(connection, "SELECT segment, generation, state FROM segment", [&](const db::Rows& row) {
      segments_[row.integer(0)] = {row.integer(1), static_cast<SegmentState>(row.integer(2)), 0};
    });
    if (!segments) return segments;
    auto dead = each(connection, "SELECT blob_id FROM dead_blob ORDER BY blob_id",
                     [&](const db::Rows& row) { dead_.push_back(row.integer(0)); });
    if (!dead) return dead;
    std::vector<std::int64_t> ids;
    // By place, so that overlaps show, and the disk is read in order later.
    auto listed = each(connection,
                       "SELECT blob_id, refs, size, location, segment, generation, start, salt, checksum FROM blob "
                       "ORDER BY segment, start, blob_id",
                       [&](const db::Rows& columns) {
                         const auto row = blob_row(columns);
                         ids.push_back(row.id.value);
                         if (place(row)) ids_.push_back(row.id.value);
                       });
    if (!listed) return listed;
    std::ranges::sort(ids);
    std::ranges::sort(in_database_);
    const auto missing = [&](std::int64_t id) { return !std::ranges::binary_search(ids, id); };
    for (std::size_t i = 0; i < references_->size(); ++i) {
      const auto id = (*references_)[i];
      if ((i == 0 || (*references_)[i - 1] != id) && missing(id))
        teller_->tell(where(id), "is referred to and missing");
    }
    for (const auto id : dead_) {
      if (missing(id)) teller_->tell(where(id), "is noted as dead and missing");
    }
    if (auto compared = facts(connection, ids); !compared) return compared;
    return each(connection, "SELECT data_id FROM blob_data", [&](const db::Rows& row) {
      const auto id = row.integer(0) / kDataParts;
      const auto owner = std::ranges::lower_bound(in_database_, id);
      if (owner == in_database_.end() || *owner != id)
        teller_->tell(where(id), "has octets in the database that nobody needs");
    });
  }

  Result<void> octets() {
    constexpr std::size_t at_once = 64;
    for (std::size_t at = 0; at < ids_.size(); at += at_once) {
      auto checked = slice(std::span(ids_).subspan(at, std::min(at_once, ids_.size() - at)));
      if (!checked) return checked;
    }
    return {};
  }

 private:
  static std::string where(std::int64_t id) { return fmt::format("blob {}", id); }

  // Facts stand beside blobs, and are there where an email says so. Both lists of ids are sorted.
  Result<void> facts(db::Connection& connection, const std::vector<std::int64_t>& ids) {
    std::vector<std::int64_t> there;
    auto listed = each(connection, "SELECT blob_id FROM blob_facts ORDER BY blob_id", [&](const db::Rows& row) {
      there.push_back(row.integer(0));
      if (!std::ranges::binary_search(ids, row.integer(0))) {
        teller_->tell(where(row.integer(0)), "has facts and is missing");
      }
    });
    if (!listed) return listed;
    std::ranges::sort(*facts_);
    facts_->erase(std::ranges::unique(*facts_).begin(), facts_->end());
    for (const auto id : *facts_) {
      if (!std::ranges::binary_search(there, id)) teller_->tell(where(id), "should have facts and has none");
    }
    return {};
  }

  // What the row says of itself; false if there is no such place to look at.
  bool place(const BlobRow& row) {
    const auto id = row.id.value;
    const auto range = std::ranges::equal_range(*references_, id);
    const auto count = static_cast<std::int64_t>(range.size());
    if (count != row.refs) teller_->tell(where(id), "says {} references and has {}", row.refs, count);
    const bool noted = std::ranges::binary_search(dead_, id);
    if (row.refs == 0 && !noted) teller_->tell(where(id), "has no references and is not noted as dead");
    if (row.location == Location::file) return true;
    if (row.location == Location::row || row.location == Location::database) {
      in_database_.push_back(id);
      return true;
    }
    if (row.location != Location::segment) {
      teller_->tell(where(id), "is at no known place ({})", static_cast<std::int64_t>(row.location));
      return false;
    }
    const auto segment = segments_.find(row.segment);
    if (segment == segments_.end() || segment->second.state == SegmentState::free ||
        segment->second.generation != row.generation) {
      teller_->tell(where(id), "is in segment {} generation {}, which is not in use", row.segment, row.generation);
      return false;
    }
    if (row.start < segment->second.end + kRecordHeaderOctets)
      teller_->tell(where(id), "overlaps another in segment {}", row.segment);
    segment->second.end = row.start + row.size;
    return true;
  }

  struct Held {
    BlobRow row;
    std::shared_ptr<const void> pin;  // of a blob that is a file
    std::shared_ptr<Segment> segment;
  };

  // The octets of some blobs, as they stand now: the background work goes on meanwhile, and has perhaps moved them.
  Result<void> slice(std::span<const std::int64_t> ids) {
    std::vector<Held> held;
    {
      const ReadGate::Pass inside(shard_->gate_);
      auto read = shard_->readers_.read([&](db::Connection& connection) -> Result<void> {
        for (const auto id : ids) {
          auto row = find_blob(connection, BlobId{id});
          if (!row) return pass(row);
          if (!*row) continue;  // collected since
          if ((*row)->location != Location::row && (*row)->location != Location::database) {
            held.push_back({**row, {}, {}});
          } else if (auto checked = in_database(connection, **row); !checked) {
            return checked;
          }
        }
        return {};
      });
      if (!read) return read;
      for (auto& one : held) hold(one);
    }
    for (const auto& one : held) {
      auto checked = one.segment ? in_segment(one) : one.pin ? in_file(one.row) : Result<void>{};
      if (!checked) return checked;
    }
    return {};
  }

  void hold(Held& one) {
    if (one.row.location == Location::file) {
      one.pin = shard_->pin_blob(one.row.id);
    } else if (one.row.location == Location::segment && shard_->segments_) {
      auto pinned = shard_->segments_->pin(one.row.segment, one.row.generation);
      if (pinned) {
        one.segment = std::move(*pinned);
      } else {
        teller_->tell(where(one.row.id.value), "segment {}: {}", one.row.segment, pinned.error().log);
      }
    } else if (one.row.location == Location::segment) {
      teller_->tell(where(one.row.id.value), "is in a segment, but the shard has no folder");
    }
  }

  Result<void> in_database(db::Connection& connection, const BlobRow& row) {
    ChecksumMaker maker(row.salt);
    std::string part;
    for (std::uint64_t at = 0; at < row.size; at += part.size()) {
      part.clear();
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kDataPart, row.size - at));
      auto read = read_blob_data(connection, row, at, count, part);
      if (!read) return pass(read);
      if (!*read) {
        teller_->tell(where(row.id.value), "has no octets in the database");
        return {};
      }
      maker.add(part);
    }
    compare(row, maker.checksum());
    return {};
  }

  Result<void> in_segment(const Held& one) {
    const auto& row = one.row;
    std::string octets(kRecordHeaderOctets + static_cast<std::size_t>(row.size), '\0');
    auto read = one.segment->file->read_at(octets, row.start - kRecordHeaderOctets);
    if (!read) return pass(read);
    if (*read != octets.size()) {
      teller_->tell(where(row.id.value), "segment {} ends before it does", row.segment);
      return {};
    }
    if (parse_record_header(row.segment, octets) != record_header_of(row))
      teller_->tell(where(row.id.value), "has another record's header in segment {}", row.segment);
    compare(row, checksum_of(std::string_view(octets).substr(kRecordHeaderOctets), row.salt));
    return {};
  }

  Result<void> in_file(const BlobRow& row) {
    const auto id = row.id.value;
    auto file = shard_->around_.files->open(shard_->path_of_file(row.id), OpenMode::read);
    if (!file) {
      // One that nothing referred to may have been collected between the look at its row and the pin: then its row is
      // gone.
      bool there = true;
      auto again = shard_->readers_.read([&](db::Connection& connection) -> Result<void> {
        auto now = find_blob(connection, row.id);
        if (!now) return pass(now);
        there = now->has_value() && (*now)->location == Location::file;
        return {};
      });
      if (!again) return again;
      if (there) teller_->tell(where(id), "{}", file.error().log);
      return {};
    }
    ChecksumMaker maker(row.salt);
    std::string part(1 << 20, '\0');
    std::uint64_t at = 0;
    while (at < row.size) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), row.size - at));
      auto read = (*file)->read_at(std::span(part).first(count), row.start + at);
      if (!read) return pass(read);
      if (*read == 0) break;
      maker.add(std::string_view(part).substr(0, *read));
      at += *read;
    }
    if (at != row.size) {
      teller_->tell(where(id), "its file has {} octets of {}", at, row.size);
    } else {
      compare(row, maker.checksum());
    }
    return {};
  }

  void compare(const BlobRow& row, const Checksum& checksum) {
    if (checksum != row.checksum) teller_->tell(where(row.id.value), "its octets don't match the checksum");
  }

  Shard* shard_;
  Teller* teller_;
  std::vector<std::int64_t>* references_;
  std::vector<std::int64_t>* facts_;
  std::unordered_map<std::int64_t, SegmentRow> segments_;
  std::vector<std::int64_t> dead_;
  std::vector<std::int64_t> in_database_;
  std::vector<std::int64_t> ids_;  // of those with octets to look at, by place
};

Result<void> Shard::check(std::vector<CheckFinding>& findings) {
  Teller teller(findings, place_.id);
  Wanted wanted;
  BlobCheck blobs(*this, teller, wanted);
  {
    const std::lock_guard at_rest(upkeep_);
    auto rows = readers_.read([&](db::Connection& connection) -> Result<void> {
      if (auto checked = check_accounts(connection, teller, wanted); !checked) return checked;
      if (auto checked = check_queue(connection, teller, wanted.references); !checked) return checked;
      return blobs.run(connection);
    });
    if (!rows) return rows;
  }
  return blobs.octets();
}

}  // namespace pabal::store
