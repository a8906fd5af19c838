namespace RabbitMqBackup.Engine.Format;

/// <summary>How the records of a segment are written; the number is the version in the segment's header.</summary>
public enum RecordFormat
{
    /// <summary>A JSON object per record: for other tools to read.</summary>
    Json = 1,

    /// <summary>Binary: the property list in AMQP wire encoding and the body untouched.</summary>
    Binary = 2,
}
