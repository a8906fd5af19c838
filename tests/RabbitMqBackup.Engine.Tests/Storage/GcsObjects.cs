using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What lies in the bucket of <see cref="GcsFake"/>: objects with generations and checksums, listed by pages.</summary>
internal sealed class GcsObjects
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(Shifted)];

    private readonly SortedDictionary<string, (byte[] Content, JsonObject Resource, long Generation)> _objects = new(ObjectOrder.Instance);
    private readonly object _gate = new();
    private long _generation = 1_000;

    /// <summary>The object, or null.</summary>
    internal (byte[] Content, JsonObject Resource)? Find(string name)
    {
        lock (_gate)
        {
            return _objects.TryGetValue(name, out (byte[] Content, JsonObject Resource, long) found) ? (found.Content, found.Resource) : null;
        }
    }

    /// <summary>Whether the object has the generation (0: is not there) that a request was made on condition of.</summary>
    internal bool Meets(string name, string? condition)
    {
        lock (_gate)
        {
            return condition is null || condition == (_objects.TryGetValue(name, out (byte[], JsonObject, long Generation) found) ? found.Generation.ToString(CultureInfo.InvariantCulture) : "0");
        }
    }

    /// <summary>Whether the content has the checksum that the upload promised, if it did.</summary>
    internal static bool HasPromisedChecksum(JsonObject metadata, byte[] content) => metadata["crc32c"] is not { } promised || (string)promised! == Crc(content);

    /// <summary>Stores an object under its next generation; its resource, or null where the condition is not met.</summary>
    internal JsonObject? Put(JsonObject metadata, byte[] content, string? condition)
    {
        string name = (string)metadata["name"]!, crc = Crc(content);
        lock (_gate)
        {
            if (!Meets(name, condition))
            {
                return null;
            }

            long generation = ++_generation;
            JsonObject resource = (JsonObject)metadata.DeepClone();
            resource["size"] = content.Length.ToString(CultureInfo.InvariantCulture);
            resource["updated"] = DateTime.UtcNow.ToString("o", CultureInfo.InvariantCulture);
            resource["generation"] = generation.ToString(CultureInfo.InvariantCulture);
            resource["crc32c"] = crc;
            _objects[name] = (content, resource, generation);
            return resource;
        }
    }

    /// <summary>Deletes the object if it is there and the condition is met.</summary>
    internal bool Delete(string name, string? condition)
    {
        lock (_gate)
        {
            return _objects.ContainsKey(name) && Meets(name, condition) && _objects.Remove(name);
        }
    }

    /// <summary>One page of a listing, as the API gives it.</summary>
    internal JsonObject Page(string prefix, string start, bool delimited, string pageToken, int limit)
    {
        JsonArray items = [], prefixes = [];
        string? token = null;
        string last = Encoding.UTF8.GetString(Convert.FromBase64String(pageToken));
        lock (_gate)
        {
            foreach ((string name, (byte[] _, JsonObject resource, long _)) in _objects)
            {
                int slash = delimited && name.StartsWith(prefix, StringComparison.Ordinal) ? name.IndexOf('/', prefix.Length) : -1;
                string row = slash < 0 ? name : name[..(slash + 1)];
                if (!name.StartsWith(prefix, StringComparison.Ordinal) || ObjectOrder.Instance.Compare(name, start) < 0 || ObjectOrder.Instance.Compare(row, last) <= 0)
                {
                    continue;
                }

                if (items.Count + prefixes.Count == limit)
                {
                    token = Convert.ToBase64String(Encoding.UTF8.GetBytes(last));
                    break;
                }

                last = row;
                (slash < 0 ? items : prefixes).Add(slash < 0 ? resource.DeepClone() : row);
            }
        }

        JsonObject page = new() { ["kind"] = "storage#objects", ["items"] = items.Count == 0 ? null : items, ["prefixes"] = prefixes.Count == 0 ? null : prefixes, ["nextPageToken"] = token };
        foreach (string absent in page.Where(field => field.Value is null).Select(field => field.Key).ToArray())
        {
            // The API leaves out what is empty.
            page.Remove(absent);
        }

        return page;
    }

    /// <summary>CRC-32C with a table made bit by bit, so that it does not share a fault with the code under test.</summary>
    private static string Crc(byte[] content)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in content)
        {
            crc = (crc >> 8) ^ Table[(byte)(crc ^ value)];
        }

        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, ~crc);
        return Convert.ToBase64String(bytes);
    }

    private static uint Shifted(int value)
    {
        uint crc = (uint)value;
        for (int bit = 0; bit < 8; bit++)
        {
            crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
        }

        return crc;
    }
}
