namespace RabbitMqBackup.Bench;

/// <summary>What message bodies are made of; it decides what compression costs and gains.</summary>
internal enum BodyKind
{
    /// <summary>JSON objects with names in common and random values.</summary>
    Json,

    /// <summary>Random bytes: nothing to gain.</summary>
    Random,

    /// <summary>One phrase over and over.</summary>
    Compressible,
}
