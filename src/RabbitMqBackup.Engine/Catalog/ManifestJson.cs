using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// A manifest as JSON in UTF-8; the fields stand in MANIFEST.md. The text ends with <c>,\n"checksum":"sha256:…"}\n</c>, where the 64 lower-case hexadecimal digits are the
/// SHA-256 of every byte before that comma: so any byte that is altered, missing or added is noticed, and another tool can check it without parsing.
/// </summary>
internal static class ManifestJson
{
    /// <summary>The largest manifest that is read: about 500,000 segments.</summary>
    internal const int MaxBytes = 256 << 20;

    /// <summary>The format's version that is written. A reader of the same major version understands it, whatever the minor.</summary>
    internal const string FormatVersion = "1.0";

    internal const int FormatMajor = 1;

    private const int DigestDigits = 64;
    private static readonly byte[] BeforeDigest = ",\n\"checksum\":\"sha256:"u8.ToArray();
    private static readonly byte[] AfterDigest = "\"}\n"u8.ToArray();
    private static readonly int TailBytes = BeforeDigest.Length + DigestDigits + AfterDigest.Length;

    /// <summary>Writes a manifest.</summary>
    /// <exception cref="ArgumentException">It breaks one of <see cref="ManifestRules"/>, or an argument has a type that JSON can't keep.</exception>
    internal static byte[] Write(BackupManifest manifest)
    {
        if (ManifestRules.Complaint(manifest) is { } complaint)
        {
            throw new ArgumentException($"This manifest can't be written: {complaint}.", nameof(manifest));
        }

        ArrayBufferWriter<byte> buffer = new(64 << 10);
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            WriteManifest(json, manifest);
        }

        return Seal(buffer.WrittenSpan);
    }

    /// <summary>Adds the checksum to an object in JSON: its closing brace moves behind it.</summary>
    internal static byte[] Seal(ReadOnlySpan<byte> json)
    {
        ReadOnlySpan<byte> body = json[..^1];
        return [.. body, .. BeforeDigest, .. Digest(body), .. AfterDigest];
    }

    /// <summary>Reads a manifest and checks everything in it.</summary>
    /// <param name="bytes">The whole object.</param>
    /// <param name="name">The object's path, for errors.</param>
    /// <param name="store">The store that the manifest will carry.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupIncomplete"/> with the position, or <see cref="ErrorCode.FormatTooNew"/>.</exception>
    internal static BackupManifest Read(ReadOnlySpan<byte> bytes, string name, BackupStore? store)
    {
        string? damage = Damage(bytes);
        if (PeekVersion(bytes) is { } version && Major(version) > FormatMajor)
        {
            throw new RabbitBackupException(ErrorCode.FormatTooNew, $"'{name}' has format {version}; this module reads {FormatMajor}.x.")
            {
                Target = name,
                Hint = "Update the module.",
            };
        }

        if (damage is not null)
        {
            throw Wrong(name, damage);
        }

        BackupManifest manifest;
        try
        {
            JsonCursor json = new(bytes, name);
            manifest = ManifestReader.Read(ref json) with { Store = store };
        }
        catch (JsonException exception)
        {
            throw Wrong(name, $"it is not JSON from line {exception.LineNumber + 1}, byte {exception.BytePositionInLine} on", exception);
        }

        return ManifestRules.Complaint(manifest) is { } complaint ? throw Wrong(name, complaint) : manifest;
    }

    /// <summary>The error of a manifest that can't be believed.</summary>
    internal static RabbitBackupException Wrong(string name, string what, Exception? inner = null) => new(ErrorCode.BackupIncomplete, $"'{name}' is damaged: {what}.", inner)
    {
        Target = name,
        Hint = "Take the manifest from a copy of this backup, or use another backup; a manifest can't be edited by hand.",
    };

    private static string? Damage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            return $"it has more than {MaxBytes} bytes";
        }

        int start = bytes.Length - TailBytes;
        if (start < 1 || !bytes.Slice(start, BeforeDigest.Length).SequenceEqual(BeforeDigest) || !bytes.EndsWith(AfterDigest))
        {
            return $"its last bytes are not a checksum, so it was cut or altered at its end (byte {bytes.Length})";
        }

        return bytes.Slice(start + BeforeDigest.Length, DigestDigits).SequenceEqual(Digest(bytes[..start]))
            ? null
            : $"bytes 0 to {start - 1} do not match the checksum in bytes {start + BeforeDigest.Length} to {start + BeforeDigest.Length + DigestDigits - 1}";
    }

    private static byte[] Digest(ReadOnlySpan<byte> body) => Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(body)).ToLowerInvariant());

    /// <summary>The version of a text that may be damaged or of a later format; null where it tells none.</summary>
    private static string? PeekVersion(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Utf8JsonReader reader = new(bytes);
            while (reader.Read())
            {
                if (reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("format_version"u8))
                {
                    reader.Read();
                    return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Damaged: the checksum tells more.
        }

        return null;
    }

    /// <summary>The number before the dot, or 0 where the text is no version.</summary>
    internal static int Major(string version)
    {
        string[] parts = version.Split('.');
        return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? major
            : 0;
    }

    private static void WriteManifest(Utf8JsonWriter json, BackupManifest manifest)
    {
        json.WriteStartObject();
        json.WriteString("format_version", FormatVersion);
        json.WriteString("backup_id", manifest.BackupId);
        json.WriteString("status", ManifestWords.Of(manifest.Status));
        json.WriteNumber("created_at", manifest.CreatedAt.ToUnixTimeMilliseconds());
        WriteNumber(json, "completed_at", manifest.CompletedAt?.ToUnixTimeMilliseconds());
        json.WriteString("source_cluster", manifest.SourceCluster);
        json.WriteString("rabbitmq_version", manifest.RabbitMqVersion);
        json.WriteString("backup_tool_version", manifest.BackupToolVersion);
        if (manifest.BasedOn is { } basedOn)
        {
            json.WriteString("based_on", basedOn);
        }

        json.WriteNumber("total_messages", manifest.TotalMessages);
        json.WriteNumber("total_bytes", manifest.TotalBytes);
        json.WriteNumber("total_segments", manifest.TotalSegments);
        json.WritePropertyName("definitions");
        WriteDefinitions(json, manifest.Definitions);
        WriteArray(json, "queues", manifest.Queues, WriteQueue);
        WriteUnknown(json, manifest.UnknownFields);
        json.WriteEndObject();
    }

    internal static void WriteDefinitions(Utf8JsonWriter json, DefinitionsEntry? definitions)
    {
        if (definitions is null)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteString("key", definitions.Key);
        json.WriteNumber("stored_bytes", definitions.StoredBytes);
        json.WriteString("sha256", definitions.Sha256);
        WriteUnknown(json, definitions.UnknownFields);
        json.WriteEndObject();
    }

    internal static void WriteQueue(Utf8JsonWriter json, QueueEntry queue)
    {
        json.WriteStartObject();
        json.WriteString("vhost", queue.VirtualHost);
        json.WriteString("name", queue.Name);
        json.WriteString("type", queue.Type);
        json.WriteBoolean("durable", queue.Durable);
        json.WriteBoolean("auto_delete", queue.AutoDelete);
        json.WriteBoolean("exclusive", queue.Exclusive);
        json.WritePropertyName("arguments");
        ArgumentJson.Write(json, queue.Arguments);
        json.WriteString("policy", queue.Policy);
        json.WriteString("outcome", ManifestWords.Of(queue.Outcome));
        json.WriteNumber("depth_at_start", queue.DepthAtStart);
        json.WriteNumber("unacknowledged_at_start", queue.UnacknowledgedAtStart);
        json.WriteNumber("messages", queue.Messages);
        json.WriteNumber("bytes", queue.Bytes);
        json.WriteString("read_by", queue.ReadBy);
        json.WriteString("released_by", queue.ReleasedBy);
        WriteNumber(json, "highest_delivery_count", queue.HighestDeliveryCount);
        json.WriteString("verdict", queue.Verdict);
        WriteArray(json, "verdict_reasons", queue.VerdictReasons, (writer, reason) => writer.WriteStringValue(reason));
        json.WriteString("error_code", queue.ErrorCode);
        json.WriteString("reason", queue.Reason);
        WriteArray(json, "gaps", queue.Gaps, WriteGap);
        if (queue.Notes.Count > 0)
        {
            WriteArray(json, "notes", queue.Notes, (writer, note) => writer.WriteStringValue(note));
        }

        WriteArray(json, "segments", queue.Segments, WriteSegment);
        if (queue.Stream is { } stream)
        {
            json.WritePropertyName("stream");
            StreamEntryJson.Write(json, stream);
        }

        WriteUnknown(json, queue.UnknownFields);
        json.WriteEndObject();
    }

    private static void WriteGap(Utf8JsonWriter json, GapEntry gap)
    {
        json.WriteStartObject();
        WriteNumber(json, "messages", gap.Messages);
        json.WriteString("code", gap.Code);
        json.WriteString("reason", gap.Reason);
        WriteNumber(json, "first_offset", gap.FirstOffset);
        WriteNumber(json, "last_offset", gap.LastOffset);
        WriteUnknown(json, gap.UnknownFields);
        json.WriteEndObject();
    }

    internal static void WriteSegment(Utf8JsonWriter json, SegmentEntry segment)
    {
        json.WriteStartObject();
        json.WriteString("key", segment.Key);
        json.WriteNumber("records", segment.Records);
        json.WriteNumber("first_time", segment.FirstTime.ToUnixTimeMilliseconds());
        json.WriteNumber("last_time", segment.LastTime.ToUnixTimeMilliseconds());
        if (segment.TimesGoBack)
        {
            json.WriteBoolean("times_go_back", true);
        }

        WriteNumber(json, "first_offset", segment.FirstOffset);
        WriteNumber(json, "last_offset", segment.LastOffset);
        json.WriteNumber("uncompressed_bytes", segment.UncompressedBytes);
        json.WriteNumber("stored_bytes", segment.StoredBytes);
        json.WriteString("sha256", segment.Sha256);
        WriteUnknown(json, segment.UnknownFields);
        json.WriteEndObject();
    }

    internal static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
    }

    internal static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    internal static void WriteUnknown(Utf8JsonWriter json, IReadOnlyDictionary<string, string> fields)
    {
        foreach ((string name, string raw) in fields)
        {
            json.WritePropertyName(name);
            json.WriteRawValue(raw);
        }
    }
}
