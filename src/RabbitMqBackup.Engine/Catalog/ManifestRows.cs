using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Single rows of a manifest in JSON, for a run that has not come to its manifest yet. What is read is checked like a manifest.</summary>
internal static class ManifestRows
{
    internal static byte[] Write(QueueEntry queue) => Write(json => ManifestJson.WriteQueue(json, queue));

    internal static byte[] Write(SegmentEntry segment) => Write(json => ManifestJson.WriteSegment(json, segment));

    internal static byte[] Write(DefinitionsEntry definitions) => Write(json => ManifestJson.WriteDefinitions(json, definitions));

    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointDamaged"/>, naming the file.</exception>
    internal static QueueEntry ReadQueue(byte[] row, string file) => Read(row, file, (ref JsonCursor json) => QueueEntryReader.Read(ref json), ManifestRules.Complaint);

    /// <inheritdoc cref="ReadQueue"/>
    internal static SegmentEntry ReadSegment(byte[] row, string file) => Read(row, file, (ref JsonCursor json) => QueueEntryReader.ReadSegment(ref json), ManifestRules.Complaint);

    /// <inheritdoc cref="ReadQueue"/>
    internal static DefinitionsEntry ReadDefinitions(byte[] row, string file) => Read(row, file, (ref JsonCursor json) => ManifestReader.ReadDefinitions(ref json), ManifestRules.Complaint);

    private delegate T RowReader<T>(ref JsonCursor json);

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> buffer = new(512);
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            write(json);
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static T Read<T>(byte[] row, string file, RowReader<T> read, Func<T, string?> complaint)
    {
        T entry;
        try
        {
            JsonCursor json = new(row, file);
            entry = read(ref json);
            json.End();
        }
        catch (Exception exception) when (exception is JsonException or RabbitBackupException)
        {
            throw Wrong(file, exception.Message, exception);
        }

        return complaint(entry) is { } wrong ? throw Wrong(file, wrong) : entry;
    }

    private static RabbitBackupException Wrong(string file, string what, Exception? inner = null) =>
        new(ErrorCode.CheckpointDamaged, $"The checkpoint '{file}' is damaged: {what}.", inner)
        {
            Target = file,
            Hint = "Delete it: -Resume then takes the copy in the store, or what it names is done anew.",
        };
}
