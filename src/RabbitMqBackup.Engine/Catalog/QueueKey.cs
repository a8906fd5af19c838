using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Where a queue's segments lie below the backup's folder: <c>queues/{virtual host}/{queue}/segment-NNNN.zst</c>. Each pair of names has one path, on every store and
/// file system, also where case or Unicode normalisation is folded, and the path tells the names.
/// <para>
/// A name is taken as its UTF-8 bytes (names are bytes in AMQP). ASCII letters, digits, <c>-</c>, <c>_</c> and <c>.</c> stand for themselves; every other byte is <c>%xx</c>, two
/// lower-case hexadecimal digits. Escaped as well are a dot that is first or last, and the first letter of a name that Windows keeps for a device (<c>con</c>,
/// <c>nul.tar</c>). So <c>~</c> never appears, and no name can meet one of Windows' short names (<c>ORDERS~1</c>).
/// </para>
/// <para>
/// A name with upper-case letters is followed by <c>!</c> and a mask: one bit for each letter that stands for itself, 1 for upper case, the first letter in the highest bit
/// of the first hexadecimal digit, zero digits at the end left out. <c>orders</c> is <c>orders</c>, <c>Orders</c> is <c>Orders!8</c>, <c>ORDERS</c> is <c>ORDERS!fc</c>.
/// </para>
/// <para>
/// The empty name is <c>%</c>. The virtual host <c>/</c> is <c>_default</c>, and one that is really called <c>_default</c> is <c>%5fdefault</c>.
/// </para>
/// <para>
/// A component of more than 140 characters (some encrypting file systems take no more than 143) is cut to at most 74, not inside an escape, and followed by <c>!!</c> and
/// the SHA-256 of the name in hexadecimal digits. Such a path does not tell the name; the manifest does.
/// </para>
/// </summary>
internal static class QueueKey
{
    /// <summary>The longest component, in characters, which are all ASCII.</summary>
    internal const int MaxComponent = 140;

    private const string Root = "queues/";
    private const string DefaultHost = "_default";
    private const int HashedHead = MaxComponent - 66;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The folder of a queue's segments, without a slash at its end.</summary>
    /// <exception cref="ArgumentException">A name has half a surrogate pair, which no UTF-8 has.</exception>
    internal static string Folder(string virtualHost, string queue) => Folder(Utf8.GetBytes(virtualHost), Utf8.GetBytes(queue));

    /// <summary>The folder of a queue whose names are any bytes.</summary>
    internal static string Folder(ReadOnlySpan<byte> virtualHost, ReadOnlySpan<byte> queue) =>
        $"{Root}{(virtualHost.SequenceEqual("/"u8) ? DefaultHost : virtualHost.SequenceEqual("_default"u8) ? "%5fdefault" : Encode(virtualHost))}/{Encode(queue)}";

    /// <summary>A segment's path.</summary>
    /// <param name="virtualHost">The queue's virtual host.</param>
    /// <param name="queue">The queue's name.</param>
    /// <param name="number">From 1, in the order of the queue; at least four digits.</param>
    /// <param name="compression">Decides the extension.</param>
    internal static string Segment(string virtualHost, string queue, long number, SegmentCompression compression)
    {
        string extension = compression switch
        {
            SegmentCompression.Zstd => "zst",
            SegmentCompression.Lz4 => "lz4",
            SegmentCompression.None => "raw",
            _ => throw new ArgumentOutOfRangeException(nameof(compression)),
        };
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Folder(virtualHost, queue)}/segment-{number:D4}.{extension}");
    }

    /// <summary>Reads the names back from a path made here; false for any other text, and for names that were hashed or are not UTF-8.</summary>
    /// <param name="key">A queue's folder, or an object in it.</param>
    /// <param name="virtualHost">Its virtual host.</param>
    /// <param name="queue">Its name.</param>
    internal static bool TryParse(string key, out string virtualHost, out string queue)
    {
        virtualHost = queue = "";
        string[] parts = key.Split('/');
        if (parts.Length < 3 || parts[0] + "/" != Root || !TryDecode(parts[1] == DefaultHost ? "%2f" : parts[1], out byte[] host) || !TryDecode(parts[2], out byte[] name))
        {
            return false;
        }

        try
        {
            (virtualHost, queue) = (Utf8.GetString(host), Utf8.GetString(name));
        }
        catch (DecoderFallbackException)
        {
            return false;
        }

        // Only the one path that the names have.
        return $"{parts[0]}/{parts[1]}/{parts[2]}" == Folder(host, name);
    }

    private static string Encode(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
        {
            return "%";
        }

        bool device = WindowsNames.IsDevice(Encoding.ASCII.GetString(name));
        StringBuilder text = new(name.Length + 16);
        List<bool> upper = [];
        for (int i = 0; i < name.Length; i++)
        {
            char c = (char)name[i];
            bool outerDot = c == '.' && (i == 0 || i == name.Length - 1);
            if (outerDot || (device && i == 0) || !(char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            {
                text.Append('%').Append(Convert.ToHexString(name.Slice(i, 1)).ToLowerInvariant());
                continue;
            }

            text.Append(c);
            if (char.IsAsciiLetter(c))
            {
                upper.Add(char.IsAsciiLetterUpper(c));
            }
        }

        string plain = text.ToString();
        string whole = upper.Contains(true) ? $"{plain}!{Mask(upper)}" : plain;
        return whole.Length <= MaxComponent ? whole : $"{Head(plain)}!!{Convert.ToHexString(SHA256.HashData(name)).ToLowerInvariant()}";
    }

    private static string Mask(List<bool> upper)
    {
        StringBuilder mask = new();
        for (int i = 0; i < upper.Count; i += 4)
        {
            int digit = 0;
            for (int bit = 0; bit < 4; bit++)
            {
                digit = (digit << 1) | (i + bit < upper.Count && upper[i + bit] ? 1 : 0);
            }

            mask.Append("0123456789abcdef"[digit]);
        }

        return mask.ToString().TrimEnd('0');
    }

    /// <summary>The readable beginning of a name that is too long.</summary>
    private static string Head(string plain)
    {
        string head = plain[..Math.Min(plain.Length, HashedHead)];
        int escape = head.LastIndexOf('%');
        return escape > head.Length - 3 ? head[..escape] : head;
    }

    private static bool TryDecode(string component, out byte[] name)
    {
        name = [];
        int mark = component.IndexOf('!');
        ReadOnlySpan<char> text = mark < 0 ? component : component.AsSpan(0, mark);
        if (text.SequenceEqual("%"))
        {
            return true;
        }

        List<byte> bytes = [];
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                bytes.Add((byte)text[i]);
            }
            else if (i + 2 < text.Length && byte.TryParse(text.Slice(i + 1, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out byte value))
            {
                bytes.Add(value);
                i += 2;
            }
            else
            {
                return false;
            }
        }

        name = [.. bytes];
        return true;
    }
}
