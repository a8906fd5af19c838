using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// What to change in property lists. Everything that it does not touch is copied byte for byte, in its order; nothing is decoded.
/// Made once, applied to every message; immutable and safe for use from several threads.
/// </summary>
internal sealed class PropertyListEdit
{
    private readonly byte[]? _expiration;
    private readonly HeaderRule[] _drops = [];
    private readonly HeaderRule[] _renames = [];

    /// <summary>Leave out user-id. Default false.</summary>
    public bool DropUserId { get; init; }

    /// <summary>Leave out expiration. Default false.</summary>
    public bool DropExpiration { get; init; }

    /// <summary>Leave out the headers table where dropping headers made it empty; one that came empty stays. Default false.</summary>
    public bool DropEmptiedHeaders { get; init; }

    /// <summary>Another expiration (ms as text) in place of the one that is there; a message without one stays without. Default: as it is.</summary>
    /// <exception cref="ArgumentException">Longer than 255 bytes.</exception>
    public string? ReplaceExpiration
    {
        get => _expiration is null ? null : Encoding.UTF8.GetString(_expiration);
        init => _expiration = value is null ? null : ShortString(value);
    }

    /// <summary>Names of headers to leave out. Default: none.</summary>
    /// <exception cref="ArgumentException">A name is longer than 255 bytes.</exception>
    public IReadOnlyCollection<string> DropHeaders
    {
        get => [.. _drops.Select(rule => Encoding.UTF8.GetString(rule.Name))];
        init => _drops = [.. value.Select(name => new HeaderRule(ShortString(name), []))];
    }

    /// <summary>Headers to rename: from, to. A header that is also dropped is dropped. Default: none.</summary>
    /// <exception cref="ArgumentException">A name is longer than 255 bytes.</exception>
    public IReadOnlyDictionary<string, string> RenameHeaders
    {
        get => _renames.ToDictionary(rule => Encoding.UTF8.GetString(rule.Name), rule => Encoding.UTF8.GetString(rule.NewName));
        init => _renames = [.. value.Select(pair => new HeaderRule(ShortString(pair.Key), ShortString(pair.Value)))];
    }

    /// <summary>Room that <see cref="Apply(ReadOnlySpan{byte}, Span{byte})"/> may need for a list of this length.</summary>
    internal int MaxLength(int rawLength)
    {
        long length = rawLength + (_expiration?.Length ?? 0);
        foreach (HeaderRule rule in _renames)
        {
            // a name may occur more than once; each occurrence takes its length, itself and a type
            int occurrences = rawLength / (rule.Name.Length + 2);
            length += (long)occurrences * Math.Max(0, rule.NewName.Length - rule.Name.Length);
        }

        return checked((int)length);
    }

    /// <summary>Writes the edited list.</summary>
    /// <param name="raw">The list.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes, not overlapping <paramref name="raw"/>.</param>
    /// <returns>Bytes written.</returns>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position in the list.</exception>
    internal int Apply(ReadOnlySpan<byte> raw, Span<byte> destination) => Apply(raw, destination, _expiration);

    /// <summary>Writes the edited list, with an expiration of this call's own in place of the one that is there; it must not be longer than that.</summary>
    /// <inheritdoc cref="Apply(ReadOnlySpan{byte}, Span{byte})"/>
    internal int Apply(ReadOnlySpan<byte> raw, Span<byte> destination, ReadOnlySpan<byte> expiration)
    {
        PropertyListReader reader = new(raw);
        reader.ThrowIfMalformed();
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(raw);
        raw[..reader.FlagsLength].CopyTo(destination);
        int written = reader.FlagsLength;
        while (reader.TryRead())
        {
            int length = reader.Property switch
            {
                BasicProperty.UserId when DropUserId => 0,
                BasicProperty.Expiration when DropExpiration => 0,
                BasicProperty.Expiration when !expiration.IsEmpty => WriteShortString(expiration, destination[written..]),
                BasicProperty.Headers when _drops.Length + _renames.Length > 0 => WriteHeaders(in reader, destination[written..]),
                _ => Copy(reader.Raw, destination[written..]),
            };
            written += length;
            if (length == 0)
            {
                flags &= (ushort)~(1 << (int)reader.Property);
            }
        }

        reader.ThrowIfMalformed();
        BinaryPrimitives.WriteUInt16BigEndian(destination, flags);
        return written;
    }

    private int WriteHeaders(in PropertyListReader table, Span<byte> destination)
    {
        FieldReader headers = new(table.Value, named: true, table.ValuePosition);
        int written = 4;
        while (headers.TryRead())
        {
            if (Find(_drops, headers.Name) is not null)
            {
                continue;
            }

            if (Find(_renames, headers.Name) is { } rename)
            {
                written += WriteShortString(rename.NewName, destination[written..]);
                written += Copy(headers.Raw[(1 + headers.Name.Length)..], destination[written..]);
            }
            else
            {
                written += Copy(headers.Raw, destination[written..]);
            }
        }

        headers.ThrowIfMalformed();
        if (written == 4 && DropEmptiedHeaders && table.Value.Length > 0)
        {
            return 0;
        }

        BinaryPrimitives.WriteInt32BigEndian(destination, written - 4);
        return written;
    }

    private static HeaderRule? Find(HeaderRule[] rules, ReadOnlySpan<byte> name)
    {
        foreach (HeaderRule rule in rules)
        {
            if (name.SequenceEqual(rule.Name))
            {
                return rule;
            }
        }

        return null;
    }

    private static int Copy(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        source.CopyTo(destination);
        return source.Length;
    }

    private static int WriteShortString(ReadOnlySpan<byte> value, Span<byte> destination)
    {
        destination[0] = (byte)value.Length;
        value.CopyTo(destination[1..]);
        return 1 + value.Length;
    }

    private static byte[] ShortString(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        return bytes.Length <= 255 ? bytes : throw new ArgumentException($"'{value[..32]}...' is longer than the 255 bytes of a short string.", nameof(value));
    }

    private sealed record HeaderRule(byte[] Name, byte[] NewName);
}
