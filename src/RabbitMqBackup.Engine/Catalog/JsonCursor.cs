using System.Text;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>A strict walk over a JSON text that is not trusted: every complaint says at which byte, no name may stand twice in an object, and depth ends at 64.</summary>
internal ref struct JsonCursor
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string _name;
    private Utf8JsonReader _reader;
    private string _property = "";

    /// <param name="bytes">The whole text.</param>
    /// <param name="name">What the text is, for errors.</param>
    internal JsonCursor(ReadOnlySpan<byte> bytes, string name)
    {
        _bytes = bytes;
        _name = name;
        _reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 64 });
        _reader.Read();
    }

    /// <summary>What the cursor stands on.</summary>
    internal readonly JsonTokenType Kind => _reader.TokenType;

    /// <summary>Steps into the object that the cursor stands on.</summary>
    /// <returns>The names seen in it, for <see cref="NextProperty"/>.</returns>
    internal readonly HashSet<string> BeginObject() => Kind == JsonTokenType.StartObject ? new(StringComparer.Ordinal) : throw Wrong("is no object");

    /// <summary>Steps to the next property's value; false at the end of the object.</summary>
    internal bool NextProperty(HashSet<string> seen, out string name)
    {
        _reader.Read();
        if (Kind == JsonTokenType.EndObject)
        {
            name = "";
            return false;
        }

        name = _property = Text();
        if (!seen.Add(name))
        {
            throw Wrong("stands twice in one object");
        }

        _reader.Read();
        return true;
    }

    /// <summary>Steps to the next item of the array that the cursor stands in; false at its end.</summary>
    internal bool NextItem()
    {
        _reader.Read();
        return Kind != JsonTokenType.EndArray;
    }

    /// <summary>Demands an array.</summary>
    internal readonly void BeginArray()
    {
        if (Kind != JsonTokenType.StartArray)
        {
            throw Wrong("is no array");
        }
    }

    /// <summary>Demands that nothing but white space follows. Complaints after it are about the whole.</summary>
    internal void End()
    {
        _property = "";
        if (_reader.Read())
        {
            throw Wrong("is followed by something");
        }
    }

    internal readonly string Text()
    {
        if (Kind is not (JsonTokenType.String or JsonTokenType.PropertyName))
        {
            throw Wrong("is no text");
        }

        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw Wrong("is not UTF-8, or has half a surrogate pair", exception);
        }
    }

    internal readonly string? TextOrNull() => Kind == JsonTokenType.Null ? null : Text();

    internal readonly bool Truth() => Kind switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Wrong("is neither true nor false"),
    };

    /// <summary>A whole number; the bounds are the rules' matter.</summary>
    internal readonly long Whole() => Kind == JsonTokenType.Number && _reader.TryGetInt64(out long value) ? value : throw Wrong("is no whole number of 64 bits");

    internal readonly long? WholeOrNull() => Kind == JsonTokenType.Null ? null : Whole();

    /// <summary>A point in time from milliseconds since 1970 UTC.</summary>
    internal readonly DateTimeOffset Time()
    {
        long milliseconds = Whole();
        return milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : throw Wrong("is no time");
    }

    /// <summary>A double where it is written with a point or an exponent, else a long.</summary>
    internal readonly object Number()
    {
        if (_reader.ValueSpan.IndexOfAny((byte)'.', (byte)'e', (byte)'E') < 0)
        {
            return Whole();
        }

        return _reader.TryGetDouble(out double value) && double.IsFinite(value) ? value : throw Wrong("is no number that fits");
    }

    /// <summary>The value that the cursor stands on, as it is written; the cursor is at its end then.</summary>
    internal string Raw()
    {
        int start = (int)_reader.TokenStartIndex;
        _reader.Skip();
        return Encoding.UTF8.GetString(_bytes[start..(int)_reader.BytesConsumed]);
    }

    /// <summary>The error for the value that the cursor stands on.</summary>
    internal readonly RabbitBackupException Wrong(string what, Exception? inner = null) =>
        ManifestJson.Wrong(_name, $"{(_property.Length == 0 ? "it" : $"'{_property}'")} {what}, at byte {_reader.TokenStartIndex}", inner);

    /// <summary>The error for a property that an object lacks; the cursor stands at the object's end.</summary>
    internal readonly RabbitBackupException Missing(string property) =>
        ManifestJson.Wrong(_name, $"the object that ends at byte {_reader.TokenStartIndex} has no '{property}'");
}
