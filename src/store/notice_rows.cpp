#include "store/notice_rows.hpp"

#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"

namespace pabal::store {

namespace {

Result<void> queue_notice(db::Connection& connection, const NoticeWrite& write, std::span<const Piece> pieces,
                          SystemTime now, std::string_view why) {
  const auto& notice = *write.notice;
  QueueMessageRow row;
  row.id = notice.id;
  row.arrived = now;
  row.size = write.blob.size;
  row.pieces = pieces;
  row.smtputf8 = notice.smtputf8;
  row.tls = notice.tls;
  row.terms.form = notice.form;
  if (auto queued = insert_queue_message(connection, row); !queued) return queued;
  if (notice.local) {
    return insert_local_recipient(connection, notice.id, 0, *notice.local,
                                  {.next = now, .claimed = {}, .attempts = 0, .error = why});
  }
  return insert_remote_recipient(connection, notice.id, kRemoteNumber, *notice.remote, {}, now, {});
}

}  // namespace

Result<std::optional<NoticeReached>> insert_notice(db::Connection& connection, ShardId shard, NoticeWrite& write,
                                                   SystemTime now) {
  const auto& notice = *write.notice;
  const Piece piece{write.blob.id, 0, write.blob.size};
  const std::span<const Piece> pieces(&piece, 1);
  write.blob.refs = 1;
  if (auto inserted = insert_blob(connection, write.blob); !inserted) return pass(inserted);
  if (auto inserted = insert_blob_data(connection, write.blob.id, write.content); !inserted) return pass(inserted);
  std::vector<Reached> reached;
  if (notice.local && notice.local->place.shard == shard) {
    auto written = write_target(connection, *notice.local, pieces, write.facts, notice.id, now);
    if (!written) return pass(written);
    if (*written) {
      reached.push_back(**written);
      if (auto kept = keep_facts(connection, pieces, write.facts); !kept) return pass(kept);
    } else if (auto queued = queue_notice(connection, write, pieces, now, written->error().log); !queued) {
      return pass(queued);
    }
  } else if (auto queued = queue_notice(connection, write, pieces, now, {}); !queued) {
    return pass(queued);
  }
  const auto document = safe_text(notice.trace);
  const std::string octets = encode_reached(reached);
  const auto traced = connection.run(
      "INSERT INTO trace (delivery_id, made, message_key, reached, document) VALUES ($1, $2, $3, $4, $5)",
      {notice.id, to_database(now), key_of_message_id(notice.message_id), db::Octets{octets}, document});
  if (!traced) return pass(traced);
  if (reached.empty()) return std::nullopt;
  return NoticeReached{reached.front().account, ChangeNumber{reached.front().email.value}};
}

}  // namespace pabal::store
