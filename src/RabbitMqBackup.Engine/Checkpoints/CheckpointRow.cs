using Microsoft.Data.Sqlite;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>One row of a query, by column number.</summary>
internal readonly struct CheckpointRow
{
    private readonly SqliteDataReader _reader;

    internal CheckpointRow(SqliteDataReader reader) => _reader = reader;

    /// <summary>A text.</summary>
    internal string Text(int column) => _reader.GetString(column);

    /// <summary>A whole number.</summary>
    internal long Whole(int column) => _reader.GetInt64(column);

    /// <summary>A whole number or nothing.</summary>
    internal long? WholeOrNull(int column) => _reader.IsDBNull(column) ? null : _reader.GetInt64(column);

    /// <summary>Bytes.</summary>
    internal byte[] Bytes(int column) => _reader.GetFieldValue<byte[]>(column);
}
