/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake, PollFlightInfo, and the bodies of the standard actions but those of sessions. */
#include "base/status.h"
#include "flight/pb.h"

/* ---- handshakes ---- */

enum fkv_status flight_handshake_decode(struct flight_memory *memory, struct slice bytes,
                                        struct flight_handshake *ret, struct fkv_error *error)
{
    Pb__Handshake *pb;
    enum fkv_status status = pb_unpack(memory, &pb__handshake__descriptor, bytes, &pb, error);
    if (status == FKV_OK)
        *ret = (struct flight_handshake){pb->protocol_version, pb_slice(pb->payload)};
    return status;
}

enum fkv_status flight_handshake_encode(const struct flight_handshake *handshake, struct buf *buf,
                                        struct fkv_error *error)
{
    Pb__Handshake pb = PB__HANDSHAKE__INIT;
    pb.protocol_version = handshake->protocol_version;
    pb.payload = pb_bytes(handshake->payload);
    return pb_pack(&pb.base, buf, error);
}

enum fkv_status flight_basic_auth_decode(struct flight_memory *memory, struct slice bytes,
                                         struct flight_basic_auth *ret, struct fkv_error *error)
{
    Pb__BasicAuth *pb;
    enum fkv_status status = pb_unpack(memory, &pb__basic_auth__descriptor, bytes, &pb, error);
    if (status == FKV_OK)
        status = pb_check_utf8(pb_slice(pb->username), "the user name", error);
    if (status == FKV_OK)
        status = pb_check_utf8(pb_slice(pb->password), "the password", error);
    if (status == FKV_OK)
        *ret = (struct flight_basic_auth){pb_slice(pb->username), pb_slice(pb->password)};
    return status;
}

enum fkv_status flight_basic_auth_encode(const struct flight_basic_auth *auth, struct buf *buf,
                                         struct fkv_error *error)
{
    Pb__BasicAuth pb = PB__BASIC_AUTH__INIT;
    pb.username = pb_bytes(auth->username);
    pb.password = pb_bytes(auth->password);
    return pb_pack(&pb.base, buf, error);
}

/* ---- polls ---- */

static enum fkv_status poll_from(struct flight_memory *memory, const Pb__PollInfo *pb,
                                 struct flight_poll_info *ret, struct fkv_error *error)
{
    struct flight_poll_info poll = {.has_info = pb->info != NULL,
                                    .has_descriptor = pb->flight_descriptor != NULL,
                                    .has_expiration = pb->expiration_time != NULL};
    enum fkv_status status = FKV_OK;
    if (poll.has_info)
        status = pb_info_from(memory, pb->info, &poll.info, error);
    if (status == FKV_OK && poll.has_descriptor)
        status = pb_descriptor_from(memory, pb->flight_descriptor, &poll.descriptor, error);
    if (status != FKV_OK)
        return status;
    if (pb->has_progress_case == PB__POLL_INFO__HAS_PROGRESS_PROGRESS) {
        poll.has_progress = true;
        poll.progress = pb->progress;
    }
    if (poll.has_expiration)
        poll.expiration =
            (struct flight_time){pb->expiration_time->seconds, pb->expiration_time->nanos};
    *ret = poll;
    return FKV_OK;
}

enum fkv_status flight_poll_info_decode(struct flight_memory *memory, struct slice bytes,
                                        struct flight_poll_info *ret, struct fkv_error *error)
{
    Pb__PollInfo *pb;
    enum fkv_status status = pb_unpack(memory, &pb__poll_info__descriptor, bytes, &pb, error);
    return status == FKV_OK ? poll_from(memory, pb, ret, error) : status;
}

/* What hangs on a PollInfo. */
struct poll_parts {
    Pb__Info info;
    Pb__Descriptor descriptor;
    Pb__Timestamp expiration;
};

static bool poll_to(struct flight_memory *memory, const struct flight_poll_info *poll,
                    struct poll_parts *parts, Pb__PollInfo *ret)
{
    pb__poll_info__init(ret);
    if (poll->has_info) {
        if (!pb_info_to(memory, &poll->info, &parts->info))
            return false;
        ret->info = &parts->info;
    }
    if (poll->has_descriptor) {
        if (!pb_descriptor_to(memory, &poll->descriptor, &parts->descriptor))
            return false;
        ret->flight_descriptor = &parts->descriptor;
    }
    if (poll->has_progress) {
        ret->has_progress_case = PB__POLL_INFO__HAS_PROGRESS_PROGRESS;
        ret->progress = poll->progress;
    }
    if (poll->has_expiration) {
        pb__timestamp__init(&parts->expiration);
        parts->expiration.seconds = poll->expiration.seconds;
        parts->expiration.nanos = poll->expiration.nanos;
        ret->expiration_time = &parts->expiration;
    }
    return true;
}

enum fkv_status flight_poll_info_encode(const struct flight_poll_info *poll, struct buf *buf,
                                        struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    struct poll_parts parts;
    Pb__PollInfo pb;
    enum fkv_status status = poll_to(&memory, poll, &parts, &pb)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- cancelling and renewing ---- */

enum fkv_status flight_cancel_request_decode(struct flight_memory *memory, struct slice bytes,
                                             struct flight_info *ret, struct fkv_error *error)
{
    Pb__CancelRequest *pb;
    enum fkv_status status = pb_unpack(memory, &pb__cancel_request__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    if (pb->info == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a CancelFlightInfo request has no info, expected the one to cancel");
    return pb_info_from(memory, pb->info, ret, error);
}

enum fkv_status flight_cancel_request_encode(const struct flight_info *info, struct buf *buf,
                                             struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__CancelRequest pb = PB__CANCEL_REQUEST__INIT;
    Pb__Info pb_info;
    pb.info = &pb_info;
    enum fkv_status status = pb_info_to(&memory, info, &pb_info)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

enum fkv_status flight_renew_request_decode(struct flight_memory *memory, struct slice bytes,
                                            struct flight_endpoint *ret, struct fkv_error *error)
{
    Pb__RenewRequest *pb;
    enum fkv_status status = pb_unpack(memory, &pb__renew_request__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    if (pb->endpoint == NULL)
        return status_set(
            error, FKV_INVALID_ARGUMENT,
            "a RenewFlightEndpoint request has no endpoint, expected the one to renew");
    return pb_endpoint_from(memory, pb->endpoint, ret, error);
}

enum fkv_status flight_renew_request_encode(const struct flight_endpoint *endpoint, struct buf *buf,
                                            struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__RenewRequest pb = PB__RENEW_REQUEST__INIT;
    pb.endpoint = pb_endpoint_to(&memory, endpoint);
    enum fkv_status status = pb.endpoint != NULL ? pb_pack(&pb.base, buf, error)
                                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- one number ---- */

enum fkv_status flight_status_result_decode(struct flight_memory *memory, struct slice bytes,
                                            int32_t *ret, struct fkv_error *error)
{
    Pb__StatusResult *pb;
    enum fkv_status status = pb_unpack(memory, &pb__status_result__descriptor, bytes, &pb, error);
    if (status == FKV_OK)
        *ret = pb->status;
    return status;
}

enum fkv_status flight_status_result_encode(int32_t value, struct buf *buf, struct fkv_error *error)
{
    Pb__StatusResult pb = PB__STATUS_RESULT__INIT;
    pb.status = value;
    return pb_pack(&pb.base, buf, error);
}
